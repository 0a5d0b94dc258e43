"""Bad input, by mistake or on purpose: one line of error, nothing half-written, nothing lost.

Each case is a real command.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tarfile
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from ganzoo import load, train
from ganzoo.cli import app as cli
from ganzoo.data import files
from ganzoo.data.images import decode_image
from ganzoo.data.sources import open_set
from ganzoo.errors import DataError, OutputExists, RunError
from ganzoo.sampling import bulk, shards

RUN = [sys.executable, "-c", "from ganzoo.cli.app import main; main()"]
SMALL = (
    "--set",
    "size=28",
    "--set",
    "width=4",
    "--steps",
    "1",
    "--batch-size",
    "2",
    "--device",
    "cpu",
)
NOT_UTF8 = os.fsdecode(b"\xff")
Call = Callable[..., Any]


@pytest.fixture
def ganzoo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command in an empty folder; an error is one line on stderr, nothing on stdout."""
    cli.register(cli.COMMANDS)
    monkeypatch.chdir(tmp_path)

    def call(*words: object, code: int) -> str:
        done = CliRunner().invoke(cli.app, [str(word) for word in words])
        assert done.exit_code == code, done.output
        assert "internal error" not in done.stderr
        if code:
            assert done.stderr.startswith("ganzoo: ")
            assert done.stderr.count("\n") == 1
            assert done.stdout == ""
        return str(done.stderr)

    return call


def read_contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def png(size: tuple[int, int] = (8, 8), mode: str = "L", kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind)
    return buffer.getvalue()


def png_claiming(side: int) -> bytes:
    """A PNG of some fifty bytes whose header claims side x side pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def folder(place: Path, **pictures: bytes) -> Path:
    place.mkdir(parents=True)
    for name, data in pictures.items():
        (place / f"{name}.png").write_bytes(data)
    return place


def write_class_folder(place: Path, name: str) -> Path:
    """A class folder `name` beside another."""
    for each in ("b", name):
        folder(place / each, a=png())
    return place


def write_zip(path: Path, name: str | zipfile.ZipInfo, data: bytes | str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, data)
    return path


def write_lying_zip(path: Path, method: int, flags: int = 0) -> Path:
    """A zip whose a.png claims a thousand bytes and unpacks to 256 MB of zeros."""
    packer: Any = (
        zlib.compressobj(1, zlib.DEFLATED, -15)
        if method == zipfile.ZIP_DEFLATED
        else bz2.BZ2Compressor()
    )
    data = b"".join(packer.compress(bytes(16 << 20)) for _ in range(16)) + packer.flush()
    facts = (flags, method, 0, 0, 0, len(data), 1000, 5)
    local = struct.pack("<4sHHHHHIIIHH", b"PK\3\4", 20, *facts, 0) + b"a.png" + data
    entry = (
        struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, *facts, 0, 0, 0, 0, 0, 0) + b"a.png"
    )
    path.write_bytes(
        local + entry + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, len(entry), len(local), 0)
    )
    return path


def write_tar(path: Path, **facts: Any) -> Path:
    """A tar.gz of one empty member with the header fields `facts`."""
    member = tarfile.TarInfo("a.png")
    for key, value in facts.items():
        setattr(member, key, value)
    with gzip.open(path, "wb") as file:
        file.write(member.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
    return path


def make_fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def link() -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("a.png")
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info


@pytest.mark.filterwarnings(
    "ignore::PIL.Image.DecompressionBombWarning"
)  # pytest undoes what ganzoo does about it
@pytest.mark.parametrize(
    ("make", "words", "code", "text"),
    [
        (
            lambda p: folder(p, a=png_claiming(60_000)),
            [],
            1,
            "a.png is not an image that can be read (Image size (3600000000",
        ),
        (
            lambda p: folder(p, a=png_claiming(15_000)),
            [],
            1,
            "a.png is not an image that can be read (15,000 x 15,000 pixels",
        ),
        (
            lambda p: folder(p, a=b""),
            [],
            1,
            "a.png is not an image that can be read (of no format that Pillow knows)",
        ),
        (lambda p: folder(p, a=png(), **{NOT_UTF8: b"x"}), [], 1, "\\udcff.png is not an image"),
        (lambda p: folder(p), [], 1, "holds no images"),
        (lambda p: write_class_folder(p, NOT_UTF8), [], 1, "is not named in UTF-8; rename it"),
        (lambda p: folder(p.with_name(NOT_UTF8), a=png()), [], 1, "its path is not UTF-8"),
        (lambda p: folder(p, a=png()) / "a.png", [], 1, "is no folder and no archive"),
        (make_fifo, [], 1, "is no folder and no archive"),
        (
            lambda p: folder(p, a=png()),
            ["--set", "channels=2"],
            2,
            "asks for 2 channels; images have 1 (grey) or 3",
        ),
        (lambda p: folder(p, a=png()), ["--set", "lr_generator=nan"], 2, "`lr_generator`"),
        (lambda p: folder(p, a=png()), ["--set", "ema=nan"], 2, "`ema`"),
        (lambda p: folder(p, a=png()), ["--set", "latent=99999999999999999999"], 2, "`latent`"),
        (lambda p: folder(p, a=png()), ["--set", "latent=1.5"], 2, "`latent`"),
        (
            lambda p: folder(p, a=png()),
            ["--seed", 10**30],
            2,
            "Expected `int` <= 9223372036854775807",
        ),
        (
            lambda p: write_zip(p.with_suffix(".zip"), "C:a.png", png()),
            [],
            1,
            "points outside of it; refused",
        ),
        (
            lambda p: write_zip(p.with_suffix(".zip"), "..\\a.png", png()),
            [],
            1,
            "points outside of it; refused",
        ),
        (
            lambda p: write_zip(p.with_suffix(".zip"), link(), "/etc/passwd"),
            [],
            1,
            "zip:a.png is not an image",
        ),
        (
            lambda p: write_zip(p.with_suffix(".zip"), "\x1b[2J.png", "x"),
            [],
            1,
            "zip:\\x1b[2J.png is not an image",
        ),
        (
            lambda p: write_lying_zip(p.with_suffix(".zip"), zipfile.ZIP_DEFLATED),
            [],
            1,
            "zip:a.png cannot be read (Bad CRC-32",
        ),
        (
            lambda p: write_lying_zip(p.with_suffix(".zip"), zipfile.ZIP_BZIP2),
            [],
            1,
            "only stored and deflated members",
        ),
        (
            lambda p: write_lying_zip(p.with_suffix(".zip"), zipfile.ZIP_DEFLATED, 1),
            [],
            1,
            "zip:a.png cannot be read",
        ),
        (
            lambda p: write_tar(
                p.with_suffix(".tgz"), type=tarfile.SYMTYPE, linkname="/etc/passwd"
            ),
            [],
            1,
            "holds no images",
        ),
        (
            lambda p: write_tar(p.with_suffix(".tgz"), type=tarfile.LNKTYPE, linkname="../x.png"),
            [],
            1,
            "holds no images",
        ),
        (
            lambda p: write_tar(p.with_suffix(".tgz"), type=tarfile.CHRTYPE),
            [],
            1,
            "holds no images",
        ),
        (
            lambda p: write_tar(p.with_suffix(".tgz"), type=tarfile.XHDTYPE, size=2 << 30),
            [],
            1,
            "too much; refused",
        ),
        (
            lambda p: write_tar(p.with_suffix(".tgz"), type=tarfile.GNUTYPE_LONGNAME, size=2 << 30),
            [],
            1,
            "too much; refused",
        ),
        (
            lambda p: write_tar(p.with_suffix(".tgz"), type=b"9", size=6 << 30),
            [],
            1,
            "too much; refused",
        ),
        (lambda p: write_tar(p.with_suffix(".tgz"), size=2 << 30), [], 1, "too much; refused"),
        (lambda p: write_tar(p.with_suffix(".tgz"), size=10**6), [], 1, "cannot be read"),
    ],
)
def test_data(
    ganzoo: Call,
    tmp_path: Path,
    make: Callable[[Path], Path],
    words: list[str],
    code: int,
    text: str,
) -> None:
    """With --force a new run replaces an old one, which an error must leave in place."""
    data, old = make(tmp_path / "data"), folder(tmp_path / "old", a=b"precious")
    (old / "run.json").write_text("{}")
    before = read_contents(old)
    assert text in ganzoo(
        "train", "dcgan", "--data", data, *SMALL, *words, "--out", "old", "--force", code=code
    )
    assert read_contents(old) == before


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_what_is_refused_is_not_unpacked_first(tmp_path: Path, method: int) -> None:
    [entry] = files.list_data_files(write_lying_zip(tmp_path / "x.zip", method))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="cannot be read"):
            entry.read()
        assert tracemalloc.get_traced_memory()[1] < 8 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore")
def test_a_byte_of_exif_may_be_anything() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 3, "text"
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "JPEG", exif=exif)
    whole, refused = buffer.getvalue(), 0
    start = whole.index(b"Exif")
    for place in range(start, start + 60):
        for value in (0, 1, 2, 3, 4, 5, 7, 10, 12, 255):
            data = whole[:place] + bytes([value]) + whole[place + 1 :]
            try:
                entry = files.DataFile("x.jpg", len(data), partial(bytes, data), "x.jpg")
                assert decode_image(entry, 3, 8).shape == (8, 8, 3)
            except DataError as error:
                assert "x.jpg is not an image" in str(error)  # noqa: PT017
                refused += 1
    assert refused < 600


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "P", "RGB", "RGBA", "CMYK", "F"])
def test_pictures_of_every_kind_fit_grey_and_colour(tmp_path: Path, mode: str) -> None:
    kind = {"CMYK": "JPEG", "F": "TIFF"}.get(mode, "PNG")
    place = folder(tmp_path / "x", a=png((1, 1), mode, kind), **{NOT_UTF8: png((3, 2), mode, kind)})
    data = open_set(str(place))
    assert data.facts.channels == (1 if mode in ("1", "L", "LA", "I;16", "F") else 3)
    assert len(data.digest()) == 64
    for channels in (1, 3):
        assert decode_image(files.list_data_files(place)[0], channels, 16).shape == (
            16,
            16,
            channels,
        )


def test_one_picture_smaller_than_the_network_is_a_data_set(ganzoo: Call, tmp_path: Path) -> None:
    folder(tmp_path / "x", **{NOT_UTF8: png((1, 1), "I;16")})
    ganzoo("train", "dcgan", "--data", "x", *SMALL, "--set", "channels=3", "--out", "run", code=0)
    assert (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.parametrize(
    ("files", "words", "code", "text"),
    [
        (
            {"x.toml": b"a = " + b"[" * 5000},
            ["train", "--config", "x.toml"],
            2,
            "x.toml: not TOML that can be read",
        ),
        (
            {"x.toml": bytes(range(256))},
            ["train", "--config", "x.toml"],
            2,
            "x.toml: not TOML that can be read",
        ),
        ({"x.toml": b""}, ["train", "--config", "x.toml"], 2, "a plugin and --data are needed"),
        ({"x.toml": b"config = 3"}, ["train", "--config", "x.toml"], 2, "`config`"),
        (
            {"x.toml": b"epochs = nan\n"},
            ["train", "dcgan", "--data", "x", "--config", "x.toml"],
            2,
            "`epochs`",
        ),
        ({}, ["train", "--config", "x.toml"], 2, "x.toml: No such file or directory"),
        ({"x/y": b""}, ["train", "--config", "x"], 2, "x: Is a directory"),
        (
            {"a.png": png_claiming(15_000)},
            ["sample", "vanilla-sine", "--image", "a.png"],
            2,
            "no such input",
        ),
        (
            {},
            ["sample", "vanilla-mnist", "-n", 10**30, "-o", "x"],
            2,
            f"--n {10**30}: at least 1 and less than",
        ),
        (
            {},
            ["sample", "vanilla-mnist", "--columns", 10**30],
            2,
            "less than 1,000,000,000,000 is needed",
        ),
        (
            {},
            ["sample", "vanilla-mnist", "-n", 10**9, "-o", "x.png"],
            2,
            "write a folder or .tar files",
        ),
        (
            {"x.png/y": b""},
            ["sample", "vanilla-mnist", "-n", 1, "-o", "x.png", "--force"],
            2,
            "x.png is a folder",
        ),
        (
            {"x": b"old"},
            ["sample", "vanilla-mnist", "-n", 1, "-o", "x", "--force"],
            1,
            "x cannot be written (File exists)",
        ),
        (
            {},
            ["sample", "vanilla-mnist", "-n", 1, "-o", "/proc/x.npz"],
            1,
            "/proc/x.npz cannot be written",
        ),
        ({}, ["sample", "vanilla-mnist", "-n", 1, "-o", "/proc/x"], 1, "/proc/x cannot be written"),
    ],
)
def test_commands(
    ganzoo: Call, tmp_path: Path, files: dict[str, bytes], words: list[str], code: int, text: str
) -> None:
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    assert text in ganzoo(*words, code=code)
    assert read_contents(tmp_path) == files


def test_a_bomb_as_an_input(tmp_path: Path) -> None:
    """In a process of its own, since Pillow would warn on stderr."""
    from tests.cli.conftest import publish

    publish(tmp_path, "tiny_unpaired", "x")
    (tmp_path / "a.png").write_bytes(png_claiming(15_000))
    done = process("sample", "./weights/x", "--image", "a.png", "-o", "b.png", cwd=tmp_path)
    assert done.returncode == 2
    assert b"15,000 x 15,000 pixels" in done.stderr
    assert done.stderr.count(b"\n") == 1
    assert not (tmp_path / "b.png").exists()


def test_plugins_that_a_variable_leaves_out(ganzoo: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_PLUGINS", "nothing")
    assert "plugin 'dcgan' is installed, but GANZOO_PLUGINS leaves it out" in ganzoo(
        "train", "dcgan", "--data", "sine", code=2
    )
    assert "plugin 'vanilla' is installed, but GANZOO_PLUGINS" in ganzoo(
        "sample", "vanilla-sine", "-o", "x.png", code=2
    )
    assert ganzoo("list", "--plugins", code=0).startswith("no plugins; GANZOO_PLUGINS")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one step."""
    home = tmp_path_factory.mktemp("run")
    settings = {"generator": "8", "discriminator": "8"}
    return train(
        "vanilla", "sine", settings=settings, steps=1, batch_size=4, device="cpu", out=home / "run"
    )


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def alter_position(**changes: Any) -> Callable[[Path], None]:
    """Alter the position in a checkpoint's header."""

    def alter(place: Path) -> None:
        path = place / "checkpoint.safetensors"
        with safe_open(path, "pt") as file:
            position = {**json.loads(file.metadata()["position"]), **changes}
        save_file(load_file(path), path, {"position": json.dumps(position)})

    return alter


def alter_record(**changes: Any) -> Callable[[Path], None]:
    def alter(place: Path) -> None:
        path = place / "run.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return alter


@pytest.mark.parametrize(
    ("alter", "code", "text"),
    [
        (lambda p: (p / "checkpoint.safetensors").unlink(), 1, "has no checkpoint to resume from"),
        (lambda p: truncate(p / "checkpoint.safetensors"), 1, "cut short or altered"),
        (
            lambda p: shutil.copy(p / "model.safetensors", p / "checkpoint.safetensors"),
            1,
            "its header has no position",
        ),
        (alter_position(phase="x"), 1, "not a ganzoo checkpoint"),
        (alter_position(phase=-1), 1, "not a ganzoo checkpoint"),
        (alter_position(index=-3), 1, "not a ganzoo checkpoint"),
        (alter_position(index=10**9), 1, "has done 1000000000 steps; it cannot resume"),
        (alter_position(phase=7), 1, "is in phase 8 of 1"),
        (
            alter_record(phases={"first": 3}),
            1,
            "records the phases first; 'vanilla' now has train",
        ),
        (alter_record(batch={}), 1, "Resume it with the plugin version it began with"),
        (alter_record(batch={"train": 0}), 1, "its record cannot be read"),
        (alter_record(rhythm={"never": 1}), 1, "its record cannot be read"),
        (alter_record(plugin="dcgan"), 2, "unknown setting"),
        (alter_record(plugin="dcgn"), 2, "did you mean dcgan"),
        (lambda p: (p / "run.json").write_bytes(b"\xff\xfe"), 1, "its record cannot be read"),
        (lambda p: (p / "local.json").unlink(), 1, "is not a run folder (local.json is missing)"),
    ],
)
def test_resuming(
    ganzoo: Call, run: Path, tmp_path: Path, alter: Callable[[Path], Any], code: int, text: str
) -> None:
    shutil.copytree(run, tmp_path / "run")
    alter(tmp_path / "run")
    before = read_contents(tmp_path / "run")
    assert text in ganzoo(
        "train", "--resume", "--out", "run", "--steps", 2, "--device", "cpu", code=code
    )
    assert read_contents(tmp_path / "run") == before


def test_rows_of_metrics_that_are_none_are_left_out(
    ganzoo: Call, run: Path, tmp_path: Path
) -> None:
    shutil.copytree(run, tmp_path / "run")
    with (tmp_path / "run" / "metrics.jsonl").open("ab") as file:
        file.write(b"3\n\xff\xfe\n")
    ganzoo("train", "--resume", "--out", "run", "--steps", 2, "--device", "cpu", code=0)
    rows = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [1, 2]


def test_a_run_whose_name_is_not_utf8_is_not_begun(ganzoo: Call, run: Path, tmp_path: Path) -> None:
    place = tmp_path / NOT_UTF8
    shutil.copytree(run, place)
    before = read_contents(place)
    assert "the name is not UTF-8" in ganzoo(
        "train", "vanilla", "--data", "sine", "--out", place, "--force", code=2
    )
    assert read_contents(place) == before


@pytest.fixture
def digits() -> Any:
    return load("vanilla-mnist", device="cpu")


def test_shards_beside_other_files(
    digits: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 4)
    others = {
        name: (tmp_path / name).write_bytes(b"other")
        for name in ("x[1]-train.tar", "x1-000000.tar", "x[1]-0.tar")
    }
    bulk.write_bulk(digits, tmp_path / "x[1].tar", 10, seed=1)
    before = read_contents(tmp_path)
    assert {name: len(before[name]) for name in others} == others
    (tmp_path / "x[1].samples.json").unlink()
    with pytest.raises(OutputExists, match="give --resume or --force"):
        bulk.write_bulk(digits, tmp_path / "x[1].tar", 8, seed=2)
    with pytest.raises(OutputExists, match=r"000002\.tar exists; more shards"):
        bulk.write_bulk(digits, tmp_path / "x[1].tar", 8, seed=2, force=True)
    (tmp_path / "x[1].samples.json").write_bytes(before["x[1].samples.json"])
    assert read_contents(tmp_path) == before


def test_a_folder_for_a_trillion_rows_is_looked_through_at_once(
    digits: Any, tmp_path: Path
) -> None:
    folder(tmp_path / "x", **{"000007": b"old", "7": b"not a row"})
    with pytest.raises(OutputExists, match="it holds other files"):
        bulk.write_bulk(digits, tmp_path / "x", 10**12 - 1, seed=1, force=True)
    assert read_contents(tmp_path / "x") == {"000007.png": b"old", "7.png": b"not a row"}


def test_codes_that_run_along_other_columns_are_other_samples(tmp_path: Path) -> None:
    from tests.cli.conftest import publish

    publish(tmp_path, "tiny_codes", "x")
    model = load(tmp_path / "weights" / "x", device="cpu")
    words: dict[str, Any] = {"seed": 1, "inputs": {"code": "c1=-2..2"}}
    bulk.write_bulk(model, tmp_path / "x", 8, columns=4, **words)
    before = read_contents(tmp_path / "x")
    with pytest.raises(RunError, match="started with 4 columns"):
        bulk.write_bulk(model, tmp_path / "x", 8, columns=8, resume=True, **words)
    assert read_contents(tmp_path / "x") == before


@pytest.fixture
def full(tmp_path: Path, tmpfs: Callable[[Path, str], Path]) -> Path:
    return tmpfs(tmp_path / "full", "48k")


@pytest.mark.parametrize("name", ["x.png", "x.npz"])
def test_a_full_disk_keeps_the_old_samples(ganzoo: Call, full: Path, name: str) -> None:
    (full / name).write_bytes(b"old")
    words = ["sample", "vanilla-mnist", "-n", 400, "--seed", 1, "-o", full / name, "--force"]
    assert "cannot be written (No space left on device)" in ganzoo(*words, code=1)
    assert read_contents(full) == {name: b"old"}


def process(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    spelt = [word if isinstance(word, bytes) else str(word) for word in words]
    return subprocess.run(
        [*RUN, *spelt], cwd=cwd, env={**os.environ, **environment}, capture_output=True, check=False
    )


def test_a_path_is_printed_as_it_is_spelt(tmp_path: Path) -> None:
    done = process(
        "sample", "vanilla-mnist", "-n", "1", "--seed", "1", "-o", b"\xff.png", cwd=tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\xff.png\n", b"")


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    environment = {
        key: value
        for key, value in os.environ.items()
        if key not in ("MPLCONFIGDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
    }
    words = [*RUN, "sample", "vanilla-sine", "--seed", "1", "-n", "4"]
    done = subprocess.run(
        words,
        cwd=tmp_path,
        env={**environment, "HOME": "/proc/none"},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"vanilla-sine.png\n", b"")


@pytest.mark.parametrize(
    ("closed", "words", "code"), [(">&-", "list", 0), ("2>&-", "info dcgn", 2)]
)
def test_a_stream_that_is_closed(tmp_path: Path, closed: str, words: str, code: int) -> None:
    line = f'exec "$0" -c "{RUN[-1]}" {words} {closed}'
    done = subprocess.run(
        ["bash", "-c", line, sys.executable], cwd=tmp_path, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, b"", b"")


def test_sampling_that_is_interrupted_is_one_line_and_leaves_nothing_half_written(
    tmp_path: Path,
) -> None:
    words = [*RUN, "sample", "vanilla-mnist", "-n", "200000", "--seed", "1", "-o", "x"]
    child = subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (tmp_path / "x" / "000200.png").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    out, error = child.communicate(timeout=60)
    assert (child.returncode, out, error) == (130, "", "ganzoo: interrupted\n")
    names = {path.name for path in (tmp_path / "x").iterdir()}
    assert all(name == "samples.json" or name.endswith(".png") for name in names)
    assert bulk.read_record(tmp_path / "x").done < len(names)
