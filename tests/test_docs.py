"""The documentation: what is written from the code is up to date, and its examples work."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import shlex
import sys
import textwrap
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from ganzoo.cli import app as cli
from ganzoo.evaluate import extractors
from ganzoo.evaluate.evidence import Evidence
from ganzoo.evaluate.groups import select_groups
from ganzoo.evaluate.observed import Observed
from ganzoo.gan import Step, Update
from ganzoo.nn import gradient_penalty
from ganzoo.zoo import manifest, registry
from ganzoo_wgan import plugin as wgan

ROOT = Path(__file__).resolve().parent.parent
WRITTEN = {ROOT / "docs" / "command-reference.md"}
"""Pages that are generated."""
DOCS = sorted({*(ROOT / "docs").glob("*.md")} - WRITTEN)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS]
SYNTHETIC = {"sine", "sinusoids", "gaussians"}
"""Data sets that need no file."""
QUICK = {"list", "info", "sample", "replay", "explore", "export", "check", "train"}
"""Commands that are run where their models and files are at hand; all others are only parsed."""
LIGHT = {"list", "info", "sample", "replay"}
"""Those that take about a second each."""
ClickError: Any = typer.BadParameter.__base__.__base__  # type: ignore[union-attr]
"""typer has click inside, or beside it: by its version."""
ELSEWHERE = re.compile(
    r"\b(someone|me|owner)/|\./(runs|weights)/|\bmodel\.push_to_hub|encoder\(|Plugin\(\.\.\."
    r"|ganzoo_example|^    |class \w+\((GAN|Config)|name=\"example\"|-> nn\.|: ExampleConfig"
)
"""What marks a block of Python that needs something a test does not have."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def load_generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fenced(text: str, language: str = "python") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def shell_lines(text: str) -> list[str]:
    """Lines of indented blocks and of shell fences, joined where they are continued, without comments."""
    outside = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    blocks = [*fenced(text, "(?:sh|bash|console)"), outside]
    joined = "\n".join(blocks).replace("\\\n", " ")
    indented = [line[4:] for line in joined.splitlines() if line.startswith("    ")]
    flush = [line for block in blocks[:-1] for line in block.replace("\\\n", " ").splitlines()]
    return [re.sub(r"\s+#\s.*", "", line).strip() for line in [*indented, *flush]]


def commands(text: str) -> list[list[str]]:
    """Every `ganzoo ...` line of a page, as words."""
    lines = [line for line in shell_lines(text) if re.match(r"ganzoo [a-z-]", line)]
    return [shlex.split(line.removesuffix(" ..."))[1:] for line in lines]


def inline_commands(text: str) -> list[list[str]]:
    """Every `ganzoo ...` in running text; arguments may be missing there."""
    found = re.findall(r"`ganzoo ([a-z][^`\n]*)`", text)
    return [shlex.split(line.replace("...", "")) for line in found]


@pytest.fixture(scope="module", autouse=True)
def group() -> Any:
    cli.register(cli.COMMANDS)
    return typer.main.get_command(cli.app)


def parse(group: Any, words: list[str], missing: bool = False) -> None:
    """The program's own parser; `missing`: arguments may be left out."""
    context = typer.Context(group, info_name="ganzoo")
    command = group
    while getattr(command, "commands", None) is not None and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"no command {words[0]!r}"
        command, words = command.commands[words[0]], words[1:]
    if missing or command is group:
        options = {
            name for p in command.get_params(context) for name in (*p.opts, *p.secondary_opts)
        }
        used = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        assert used <= options | {"--help", "-h", "-vv"}, f"no options {used - options}"
    else:
        command.make_context(command.name, list(words), parent=context)


def is_runnable(words: list[str], folder: Path) -> bool:
    """Whether a command is short, and all that it takes is here."""
    verb, rest = words[0], words[1:]
    if verb == "train":
        synthetic = "--data" in rest and rest[rest.index("--data") + 1] in SYNTHETIC
        return synthetic and rest[0] in registry.list_names()
    if "-n" in rest and int(rest[rest.index("-n") + 1]) > 200:
        return False
    positional = rest[0] if rest and not rest[0].startswith("-") else None
    known = {*manifest.list_models(), *registry.list_names()}
    if positional and positional not in known and not (folder / positional).exists():
        return verb == "list"
    files = [rest[i + 1] for i, word in enumerate(rest[:-1]) if word in ("--image", "--texts")]
    return all((folder / file).exists() for file in files)


def prepare(folder: Path) -> None:
    """Files that examples take as given."""
    image = Image.effect_noise((80, 64), 60).convert("RGB")
    for path in ("photo.jpg", "x.jpg", "photos/a.jpg", "photos/b.png"):
        (folder / path).parent.mkdir(exist_ok=True)
        image.save(folder / path)
    for path in ("three.png", "eight.png"):
        image.convert("L").resize((28, 28)).save(folder / path)
    (folder / "birds.txt").write_text(
        "an anime face with pink hair\nan anime face with blue eyes\n"
    )


def run_page(path: Path, folder: Path, verbs: set[str]) -> tuple[int, int]:
    """Run a page's commands, then its Python, in the current folder; how many of each were run."""
    prepare(folder)
    text = path.read_text("utf-8")
    ran = 0
    for words in commands(text):
        if words[0] not in verbs or not is_runnable(words, folder):
            continue
        short = ["--steps", "4"] if words[0] == "train" else []
        if words[0] == "sample" and "-o" not in words:
            short = ["--force"]  # several examples write the default file
        done = CliRunner().invoke(cli.app, [*words, *short])
        assert done.exit_code == 0, f"ganzoo {shlex.join(words)}: {done.output}"
        ran += 1
    for written in folder.glob("*.png"):  # Python saves under the same names
        written.unlink()
    prepare(folder)
    namespace: dict[str, Any] = {"__name__": "page"}
    blocks = [block for block in fenced(text) if is_whole(block)]
    for block in blocks:
        exec(compile(block, name(path), "exec"), namespace)
    return ran, len(blocks)


def is_whole(block: str) -> bool:
    """Whether a block runs as it stands: no method of a class, nothing that is not at hand."""
    return not block.startswith((" ", "def losses")) and not ELSEWHERE.search(
        re.sub(r"#.*", "", block)
    )


def test_what_is_written_from_the_code_is_up_to_date() -> None:
    assert [name(path) for path in load_generator().stale()] == [], "run `make docs`"


def test_a_stale_page_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = load_generator()
    monkeypatch.setattr(generator, "HEAD", "# Another head\n")
    assert [path.name for path in generator.stale()] == ["command-reference.md"]


def test_every_setting_has_a_meaning() -> None:
    silent = [
        f"{path.name}: {line}"
        for path in PAGES
        for line in path.read_text("utf-8").splitlines()
        if re.match(r"\| `\w+` \| .* \|  \|$", line)
        and (ROOT / "plugins").joinpath(f"ganzoo_{path.stem}").is_dir()
    ]
    assert silent == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_commands_are_parsed(path: Path, group: Any) -> None:
    text = path.read_text("utf-8")
    for words in commands(text):
        try:
            parse(group, words)
        except ClickError as error:
            pytest.fail(f"ganzoo {shlex.join(words)}: {error.format_message()}")
    for words in inline_commands(text):
        parse(group, words, missing=True)


def test_a_wrong_command_is_noticed(group: Any) -> None:
    with pytest.raises(ClickError):
        parse(group, ["sample", "--no-such-option"])
    with pytest.raises(AssertionError):
        parse(group, ["sample", "--no-such-option"], missing=True)
    with pytest.raises(AssertionError):
        parse(group, ["smaple"])


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_programs_and_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for line in shell_lines(path.read_text("utf-8")):
        words = line.split()
        if words[:1] == ["python"] and len(words) > 1 and words[1].endswith(".py"):
            source = (ROOT / words[1]).read_text("utf-8")
            options = [word for word in words if re.match(r"--[a-z]", word)]
            assert [o for o in options if o.partition("=")[0] not in source] == [], line
        if words[:1] == ["make"]:
            assert set(words[1:]) <= targets, line


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_python_is_python(path: Path) -> None:
    for block in fenced(path.read_text("utf-8")):
        tree = ast.parse(textwrap.dedent(block))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("ganzoo."):
                module = importlib.import_module(node.module or "")
                for alias in node.names:
                    if not hasattr(module, alias.name):
                        importlib.import_module(f"{node.module}.{alias.name}")


def resolve(dotted: str) -> Any:
    """The object that a dotted name of ganzoo names."""
    parts = dotted.split(".")
    found = importlib.import_module(parts[0])
    for place, part in enumerate(parts[1:], start=2):
        if not hasattr(found, part):
            importlib.import_module(".".join(parts[:place]))
        found = getattr(found, part)
    return found


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_names_and_files_in_running_text_exist(path: Path) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    known = {*groups, "ganzoo.figures", "ganzoo.extractors", "ganzoo.json"}
    for quoted in re.findall(r"`([^`\n]+)`", path.read_text("utf-8")):
        dotted = re.match(r"ganzoo(?:\.\w+)+", quoted)
        if dotted and dotted[0] not in known:
            resolve(dotted[0])
        file = re.fullmatch(r"(?:ganzoo|tests|benchmarks|docs|plugins)/[\w/.-]+", quoted)
        assert not file or (ROOT / quoted).exists(), quoted


def test_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran, blocks = run_page(ROOT / "README.md", tmp_path, LIGHT)
    assert ran >= 8
    assert blocks >= 1


@pytest.mark.slow
@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_page_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run_page(path, tmp_path, QUICK)


def losses(hook: Any, index: int) -> list[tuple[str, torch.Tensor]]:
    """Two rounds of a hook on fixed numbers."""
    torch.manual_seed(0)
    model = wgan.build(wgan.tiny)
    step = Step(index, "train", 10, torch.Generator().manual_seed(0))
    batch = {"image": torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(1))}
    return [(update.player, update.loss.detach()) for update in hook(model, batch, step)]


@pytest.mark.parametrize("index", [0, 1])
def test_the_readmes_hook_is_that_of_wgan(index: int) -> None:
    blocks = fenced((ROOT / "README.md").read_text("utf-8"))
    block = next(block for block in blocks if "def losses" in block)
    namespace: dict[str, Any] = {
        "torch": torch,
        "Update": Update,
        "gradient_penalty": gradient_penalty,
    }
    exec(compile(block, "README.md", "exec"), namespace)
    shown = losses(namespace["losses"], index)
    real = losses(type(wgan.build(wgan.tiny)).losses, index)
    assert [player for player, _ in shown] == [player for player, _ in real]
    for (_, a), (_, b) in zip(shown, real, strict=True):
        torch.testing.assert_close(a, b)


def test_the_added_figure_and_extractor_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "adding-a-figure.md").read_text("utf-8")
    (tmp_path / "ganzoo_bright.py").write_text("\n\n".join(fenced(page)))
    information = tmp_path / "ganzoo_bright-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: ganzoo-bright\nVersion: 1\n"
    )
    points = tomllib.loads(fenced(page, "toml")[0])["project"]["entry-points"]
    lines = []
    for point_group, members in points.items():
        lines.append(f"[{point_group}]")
        lines += [f"{key} = {value}" for key, value in members.items()]
    (information / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "ganzoo_bright", raising=False)  # of other tests
    device = torch.device("cpu")
    images = torch.randint(256, (8, 1, 28, 28), dtype=torch.uint8)
    extractor = extractors.find_extractor("thumbnail", "mnist", device)
    observed = Observed(len(images), extractor)
    observed.see(images, extractor)
    evidence = Evidence(real=observed, fake=observed, extractor=extractor)
    drawn, of_data = select_groups(["brightness"])["brightness"].load()(evidence)
    assert drawn.value == of_data.value == pytest.approx(float(images.float().mean()))
    assert (drawn.real, drawn.fake, of_data.real, of_data.fake) == (0, 8, 8, 0)
    (distance,) = select_groups(["kid"])["kid"].load()(evidence)
    assert distance.name == "KID"
