"""Named data sets: those of a third party, broken ones, and where all are looked for."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from ganzoo import extensions
from ganzoo.cli import app as cli
from ganzoo.data.named import (
    DATA_GROUP,
    DataRequest,
    NamedSet,
    find_named_set,
    list_names,
    read_examples,
)
from ganzoo.data.sources import open_set
from ganzoo.errors import DataError, UsageError
from ganzoo.spec import Data, Labels, Picture

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "tests" / "fixtures" / "ganzoo-example"
OURS = {"celeba", "cifar10", "fashion-mnist", "gaussians", "mnist", "sine", "sinusoids"}
GOOD = """
from ganzoo.data.named import ImageArrays, NamedSet
import numpy as np
images, labels = np.zeros((4, 8, 8, 1), dtype=np.uint8), np.array([0, 1, 0, 1])
def named(name, **arrays):
    read = lambda request: ImageArrays(**{"images": images, "labels": labels} | arrays)
    return NamedSet(name=name, licence="MIT", source="x", read=read, classes=("a", "b"))
"""


def install(site: Path, distribution: str, **entries: str) -> None:
    """A distribution that announces data sets. `entries`: an object reference for each."""
    folder = site / f"{distribution}-1.2.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
    lines = "".join(f"{name} = {reference}\n" for name, reference in entries.items())
    (folder / "entry_points.txt").write_text(f"[{DATA_GROUP}]\n{lines}")


@pytest.fixture
def letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root with the example's set; its distribution is installed."""
    install(tmp_path / "site", "ganzoo_example", letters="ganzoo_example.letters:letters")
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    root = tmp_path / "root"
    (root / "letters").mkdir(parents=True)
    for split, count in (("train", 52), ("test", 26)):
        labels = np.arange(count) % 26
        images = np.broadcast_to(labels[:, None, None, None], (count, 28, 28, 1)).astype(np.uint8)
        np.savez(root / "letters" / f"{split}.npz", images=images, labels=labels)
    return root


def test_a_set_of_a_third_party(letters: Path) -> None:
    assert set(list_names()) == OURS | {"letters"}
    data = open_set("letters", root=letters)
    assert (data.facts.kind, data.facts.count, data.facts.channels, data.facts.size) == (
        "images",
        52,
        1,
        28,
    )
    assert len(data.facts.classes) == 26
    assert (data.licence, data.source) == ("CC BY 4.0", "https://example.org/letters")
    batch = data.bind(Data({"image": Picture(1, 28), "label": Labels(26)})).take(0, 52, 0)
    assert (batch["image"][:, 0, 0, 0] == batch["label"]).all()
    test = open_set("letters", root=letters, split="test")
    assert test.facts.count == 26
    assert test.digest() != data.digest() == open_set("letters", root=letters).digest()
    only = open_set("letters", root=letters, only="c")
    assert (only.facts.count, only.facts.classes) == (2, ("c",))
    with pytest.raises(UsageError, match="no such class"):
        open_set("letters", root=letters, only="27")
    with pytest.raises(DataError, match="'letters' is not under .*put train.npz .*--data-root"):
        open_set("letters", root=letters / "elsewhere")


def test_a_set_that_is_made_without_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    install(tmp_path, "ganzoo_example", spiral="ganzoo_example.spiral:spiral")
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.syspath_prepend(str(tmp_path))
    data = open_set("spiral", root=tmp_path / "nowhere")
    assert (data.facts.kind, data.facts.count, data.facts.dims) == ("points", 4096, 2)
    assert data.digest() == open_set("spiral", split="test").digest()


def test_it_trains(letters: Path, tmp_path: Path) -> None:
    """As the page on data says, in a process of its own."""
    paths = [tmp_path / "site", EXAMPLE, os.environ["PYTHONPATH"]]
    words = ["cgan", "--data", "letters", "--data-root", letters, "--steps", "1", "--batch-size"]
    words += ["2", "--set", "width=4", "--out", tmp_path / "run"]
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", "train", *map(str, words)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["data"]["name"] == "letters"
    assert record["data"]["licence"] == "CC BY 4.0"


def test_the_page_shows_the_example_as_it_is() -> None:
    files = [
        path.read_text("utf-8") for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml")
    ]
    page = (ROOT / "docs" / "data.md").read_text("utf-8")
    blocks = re.findall(r"```(?:python|toml)\n(.*?)```", page, re.DOTALL)
    shown = [block for block in blocks if "NamedSet" in block or DATA_GROUP in block]
    assert len(shown) == 3
    assert [block for block in shown if not any(block in file for file in files)] == []


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import no_such_module", "'odd' of strange is broken: ModuleNotFoundError"),
        ("1 / 0", "'odd' of strange is broken: ZeroDivisionError"),
        ("found = 3", "is a int, not a ganzoo.data.named.NamedSet"),
        ("found = named('even')", "its record is named 'even'"),
        ("found = named('odd', images=labels)", "its images are 4 of int64"),
        ("found = named('odd', images=images[..., [0, 0]])", "its images are 4 x 8 x 8 x 2"),
        ("found = named('odd', labels=labels[:3])", "its labels are not one number for each"),
        ("found = named('odd', labels=labels + 1)", "from 0 to 1"),
        ("found = named('odd', labels=None)", "its record names classes, but its reader gives no"),
        (
            "import dataclasses\nfound = dataclasses.replace(named('odd'), classes=())",
            "'odd' of strange is broken: its reader gives labels, but its record names no `classes`",
        ),
        (
            "found = NamedSet(name='odd', licence='', source='', read=len)",
            "'odd' of strange is broken: its `read` raised TypeError: .* has no len",
        ),
        (
            "from ganzoo.data.named import ImageFiles\n"
            "found = NamedSet(name='odd', licence='', source='', read=lambda r: ImageFiles([r.root]))",
            r"'odd' of strange is broken: its `read` raised TypeError: .*ImageFiles.*positional",
        ),
        (
            "found = NamedSet(name='odd', licence='', source='', read=lambda request: None,"
            " download=lambda root: 1 / 0)",
            "'odd' of strange is broken: its `download` raised ZeroDivisionError",
        ),
        (
            "found = NamedSet(name='odd', licence='', source='there', read=lambda request: None)",
            r"is not under [^:]*: name another .*--data-root; the set does not say .*source: there",
        ),
        (
            "found = NamedSet(name='odd', licence='', source='', read=lambda request: 3)",
            "its reader returned a int",
        ),
    ],
)
def test_a_broken_set_is_named_and_the_others_work(
    source: str, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = f"strange_{abs(hash(source))}"
    (tmp_path / f"{module}.py").write_text(GOOD + source)
    install(tmp_path, "strange", odd=f"{module}:found")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DataError, match=problem):
        open_set("odd", download="download=" in source).bind(Data({"label": Labels(2)}))
    assert open_set("sine").facts.count == 1024


def test_a_name_that_two_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("one", "other"):
        install(tmp_path, name, odd=f"{name}:found")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(DataError, match="'odd' is claimed by one and other; uninstall all but"):
        open_set("odd")


@pytest.mark.parametrize("fault", [DataError("an index is missing"), PermissionError("denied")])
def test_what_a_reader_says_of_its_files_is_not_changed(
    fault: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(request: DataRequest) -> None:
        raise fault

    found = NamedSet(name="odd", licence="", source="", read=read)
    with pytest.raises(type(fault), match=f"^{fault}$"):
        read_examples(found, DataRequest(root=Path()), download=False)


def test_only_of_a_set_without_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unlabelled.py").write_text(GOOD + "found = named('odd', labels=None)")
    install(tmp_path, "strange", odd="unlabelled:found")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert open_set("odd").bind(Data({"image": Picture(1, 8)})).take(0, 4, 0)["image"].shape[0] == 4
    with pytest.raises(DataError, match="its record names classes, but its reader gives no labels"):
        open_set("odd", only="a")


@pytest.mark.parametrize("first", [True, False], ids=["before ours", "after ours"])
def test_a_name_of_ours_that_another_claims(
    first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours stays usable; the list names the other."""
    install(tmp_path, "strange", sine="no_such_module:found")
    if first:
        monkeypatch.syspath_prepend(str(tmp_path))
    else:
        monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    assert len(extensions.find(DATA_GROUP)["sine"]) == 2
    assert open_set("sine").facts.count == 1024
    assert extensions.list_ignored(DATA_GROUP) == {"sine": ["strange"]}
    cli.register(cli.COMMANDS)
    done = CliRunner().invoke(cli.app, ["list", "--data"])
    assert "'sine' of strange is not used: ganzoo has its own 'sine'" in done.output
    assert "broken" not in done.output
    assert "strange" not in CliRunner().invoke(cli.app, ["list", "--data", "mnist"]).output


def test_records_import_no_torch_and_no_numpy() -> None:
    program = (
        "import sys\n"
        "from ganzoo.data.named import find_named_set, list_names\n"
        "found = [find_named_set(name) for name in list_names()]\n"
        "print(all(found), [m for m in ('torch', 'numpy', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "True []\n", done.stderr


def test_a_list_of_all(tmp_path: Path) -> None:
    """`ganzoo list --data` names broken sets and shows the others."""
    install(tmp_path, "strange", odd="no_such_module:found")
    paths = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", "list", "--data", "--json"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    rows = {row["name"]: row for row in json.loads(done.stdout)["data"]}
    assert rows.keys() == OURS | {"odd"}
    assert "'odd' of strange is broken: ModuleNotFoundError" in rows["odd"]["broken"]
    assert all(rows[name]["broken"] is None and rows[name]["licence"] for name in OURS)


def test_every_set_of_ours_says_what_a_card_needs() -> None:
    for name in OURS:
        found = find_named_set(name)
        assert found.licence
        assert found.source
    with pytest.raises(DataError, match="celeba.*--data-root"):
        open_set("celeba", root=Path("/nowhere"))


COUNT_OPENS = """
import sys
opened = []
sys.addaudithook(
    lambda event, args: opened.append(str(args[0]))
    if event == "open" and str(args[0]).endswith(".png") and "/pictures/" in str(args[0]) else None
)
from ganzoo.training import loop
step = loop.Trainer.step
def first(self, *args, **words):
    print("before the first step:", len(opened), len(set(opened)))
    loop.Trainer.step = step
    return step(self, *args, **words)
loop.Trainer.step = first
from ganzoo.cli.app import main
sys.argv = ["ganzoo", *sys.argv[1:]]
main()
"""


def test_each_image_is_read_once_before_the_first_step(tmp_path: Path) -> None:
    """In a new run and in one that is resumed."""
    (tmp_path / "pictures").mkdir()
    for number in range(150):
        levels = np.random.default_rng(number).integers(0, 255, (28, 28), dtype=np.uint8)
        Image.fromarray(levels).save(tmp_path / "pictures" / f"{number}.png")
    train = ["train", "dcgan", "--data", tmp_path / "pictures", "--out", tmp_path / "run"]
    for words in (
        ["--steps", "1", "--batch-size", "2", "--set", "width=4"],
        ["--steps", "2", "--resume"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", COUNT_OPENS, *map(str, [*train, *words])],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert Counter(done.stdout.splitlines())["before the first step: 150 150"] == 1
