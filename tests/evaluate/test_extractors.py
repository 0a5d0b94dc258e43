"""Extractors: learnt from one split and tested on another, shipped with their records, refused
when altered."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch

from ganzoo.data.named import find_named_set, list_names
from ganzoo.data.sources import open_set
from ganzoo.errors import DataError, HashMismatch, NotAvailable, UsageError, WeightsError
from ganzoo.evaluate import extractor_training, extractors, inception
from ganzoo.evaluate.extractors import OwnExtractor
from ganzoo.evaluate.network import describe_resize, fit_images, to_levels
from ganzoo.spec import Data, Labels, Picture
from ganzoo.zoo import weights
from tests.evaluate.drawn import CLASSES, SIZE, folder

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("data") / "shapes")


@pytest.fixture(scope="module")
def learnt(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("extractor") / "shapes-classes.safetensors"
    extractor_training.train_extractor(str(pictures), path, epochs=12, device="cpu")
    return path


def test_it_learns_and_says_what_it_learnt(learnt: Path, pictures: Path) -> None:
    lesson = extractors.read_verified(learnt)
    assert (lesson.name, lesson.task, lesson.channels, lesson.size) == (
        "shapes-classes",
        "classes",
        1,
        SIZE,
    )
    assert lesson.classes == list(CLASSES)
    assert lesson.accuracy > 0.9
    assert lesson.tested == "the 60 images of the test split"
    assert (lesson.data.count, lesson.data.digest) == (180, open_set(str(pictures)).digest())
    assert (
        lesson.command == "ganzoo extractor train --data shapes --epochs 12 --seed 0 "
        "--out shapes-classes.safetensors"
    )
    assert str(pictures.parent) not in learnt.with_suffix(".json").read_text(), (
        "no path of this machine"
    )


def test_what_it_reads_is_what_is_there(learnt: Path, pictures: Path) -> None:
    """The recorded accuracy, counted anew from the file."""
    extractor = extractors.load_extractor(learnt, CPU)
    batch = (
        open_set(str(pictures), split="test")
        .bind(Data({"image": Picture(1, SIZE), "label": Labels(3)}))
        .take(0, 60, 0)
    )
    right = (extractor(batch["image"])[1].argmax(1) == batch["label"]).float().mean()
    assert float(right) == pytest.approx(extractors.read_verified(learnt).accuracy, abs=1e-4)


def test_features_have_mean_0_and_deviation_1_over_what_was_learnt(
    learnt: Path, pictures: Path
) -> None:
    extractor = extractors.load_extractor(learnt, CPU)
    levels = (
        open_set(str(pictures)).bind(Data({"image": Picture(1, SIZE)})).take(0, 180, 0)["image"]
    )
    features, _ = extractor(levels)
    assert features.shape == (180, extractor.dims)
    assert float(features.mean(0).abs().max()) < 0.1
    moving = features.std(0) > 1e-3
    assert moving.sum() > 20
    assert float((features.std(0)[moving] - 1).abs().max()) < 0.1


def test_the_same_seed_gives_the_same_file(pictures: Path, tmp_path: Path) -> None:
    made = {
        name: extractor_training.train_extractor(
            str(pictures), tmp_path / name / "x.safetensors", epochs=1, seed=seed, device="cpu"
        ).sha256
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    }
    assert made["a"] == made["b"] != made["c"]


def test_without_labels_it_learns_turns_and_holds_pictures_out(tmp_path: Path) -> None:
    place = folder(tmp_path / "heap", train=60, test=None)
    for name in (
        "checks",
        "rows",
    ):  # which turned by halves are as before; one folder has no classes
        for path in (place / name).iterdir():
            path.unlink()
        (place / name).rmdir()
    lesson = extractor_training.train_extractor(
        str(place), tmp_path / "turns.safetensors", epochs=1, device="cpu"
    )
    assert lesson.task == "rotation"
    assert lesson.classes == []
    assert lesson.tested == "6 images held out, since there is no test split"
    extractor = extractors.load_extractor(tmp_path / "turns.safetensors", CPU)
    assert (extractor.outputs, extractor.scores, extractor.classes) == (4, False, ())


def test_held_out_pictures_are_not_learnt_from(tmp_path: Path) -> None:
    source = open_set(str(folder(tmp_path / "heap", train=20, test=None)))
    learnt, tested, _ = extractor_training.split_examples(
        source, str(tmp_path / "heap"), None, SIZE, "classes"
    )
    assert len(tested.rows) == 6
    assert sorted([*learnt.rows, *tested.rows]) == list(range(60))


@pytest.mark.parametrize(
    ("task", "said"),
    [("colours", "classes or rotation"), ("classes", "has no labels")],
    ids=["unknown", "without labels"],
)
def test_a_task_that_cannot_be(tmp_path: Path, task: str, said: str) -> None:
    place = folder(tmp_path / "x", train=12, test=None) / CLASSES[0]
    with pytest.raises(UsageError, match=said):
        extractor_training.train_extractor(str(place), tmp_path / "y.safetensors", task=task)


def test_points_have_no_features(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds points"):
        extractor_training.train_extractor("sine", tmp_path / "y.safetensors")


def test_an_altered_file_is_refused(learnt: Path, tmp_path: Path) -> None:
    copy = tmp_path / learnt.name
    copy.with_suffix(".json").write_bytes(learnt.with_suffix(".json").read_bytes())
    changed = bytearray(learnt.read_bytes())
    changed[-1] ^= 1
    copy.write_bytes(changed)
    with pytest.raises(HashMismatch, match=r"shapes-classes\.json says"):
        extractors.load_extractor(copy, CPU)
    copy.with_suffix(".json").unlink()
    with pytest.raises(WeightsError, match="an extractor is two files"):
        extractors.load_extractor(copy, CPU)


def test_finding_one(learnt: Path) -> None:
    assert extractors.find_extractor(str(learnt), "anything", CPU).name == "shapes-classes"
    with pytest.raises(UsageError, match="no extractor was trained on 'shapes'"):
        extractors.find_extractor(None, "shapes", CPU)
    with pytest.raises(UsageError, match="no extractor 'inceptoin'; did you mean inception"):
        extractors.find_extractor("inceptoin", "shapes", CPU)


@pytest.mark.parametrize("name", sorted(extractors.list_packaged()))
def test_those_that_come_with_ganzoo(name: str) -> None:
    path = extractors.list_packaged()[name]
    lesson = extractors.read_verified(path)
    assert lesson.name == name == path.stem
    assert name.endswith(f"-{lesson.task}")
    classes: tuple[str, ...] = ()
    if lesson.data.name in list_names():
        assert name == f"{lesson.data.name}-{lesson.task}"
        classes = find_named_set(lesson.data.name).classes
    assert path.stat().st_size < 1_500_000
    assert lesson.classes == list(classes)
    assert f"--data {lesson.data.name} " in lesson.command
    assert "/" not in lesson.command
    header = weights.read_header(path)
    assert {dtype for key, (dtype, shape) in header.tensors.items() if len(shape) > 1} == {"F16"}
    extractor = extractors.find_extractor(None, lesson.data.name, CPU)
    features, logits = extractor(
        torch.zeros(2, lesson.channels, lesson.size, lesson.size, dtype=torch.uint8)
    )
    assert features.shape == (2, 128)
    assert logits.shape == (2, len(lesson.classes) or 4)
    assert bool(torch.isfinite(features).all())


def test_all_named_sets_have_one() -> None:
    assert {
        extractors.read_verified(path).data.name for path in extractors.list_packaged().values()
    } >= {
        "mnist",
        "fashion-mnist",
        "cifar10",
        "celeba",
    }


def test_a_reader_names_classes(
    monkeypatch: pytest.MonkeyPatch, learnt: Path, pictures: Path
) -> None:
    monkeypatch.setattr(extractors, "PACKAGED", learnt.parent)
    read = extractors.build_class_reader("shapes", 1, CPU)
    assert read is not None
    levels = open_set(str(pictures)).bind(Data({"image": Picture(1, SIZE)})).take(0, 9, 0)["image"]
    extractor = extractors.load_extractor(learnt, CPU)
    assert read(levels / 127.5 - 1) == [CLASSES[i] for i in extractor(levels)[1].argmax(1).tolist()]
    assert extractors.build_class_reader("shapes", 3, CPU) is None, "it looks at grey pictures"
    assert extractors.build_class_reader("other", 1, CPU) is None


def test_pictures_are_fitted() -> None:
    grey = torch.randint(
        256, (2, 1, 8, 8), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    assert torch.equal(to_levels(fit_images(grey, 1, 8)), grey)
    assert torch.equal(to_levels(fit_images(grey, 3, 8)), grey.expand(-1, 3, -1, -1))
    half = fit_images(grey, 1, 4)
    assert half.shape == (2, 1, 4, 4)
    assert float((half.mean() - fit_images(grey, 1, 8).mean()).abs()) < 0.05
    assert (describe_resize(8, 8), describe_resize(8, 4)) == ("none", "bilinear antialiased 8 to 4")
    with pytest.raises(UsageError, match="images of 1 channel, these have 3"):
        fit_images(grey.expand(-1, 3, -1, -1), 1, 8)


@pytest.fixture
def wrong_weights(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server that gives something else under the weights' name."""

    class Wrong(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"wrong")

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Wrong)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(
        inception, "INCEPTION_URL", f"http://127.0.0.1:{server.server_port}/inception.pth"
    )
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield
    server.shutdown()
    server.server_close()


@pytest.mark.usefixtures("wrong_weights")
def test_inception_weights_are_hashed_before_they_are_opened(tmp_path: Path) -> None:
    path = tmp_path / "inception.pth"
    with pytest.raises(NotAvailable, match="invalid hash value"):
        inception.fetch_weights(path)
    assert not path.exists()
    path.write_bytes(b"wrong")
    with pytest.raises(HashMismatch):
        inception.fetch_weights(path)


def test_offline_inception_says_where_to_put_what(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NotAvailable, match="HF_HUB_OFFLINE is set") as told:
        inception.fetch_weights(tmp_path / "x.pth")
    assert inception.INCEPTION_URL in str(told.value)
    assert str(tmp_path / "x.pth") in str(told.value)
    assert "\n" not in str(told.value)


def test_a_lesson_is_strict() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"name": "x", "surprise": 1}', type=extractors.ExtractorRecord)


def test_own_extractors_are_in_eval_mode(learnt: Path) -> None:
    extractor = extractors.load_extractor(learnt, CPU)
    assert isinstance(extractor, OwnExtractor)
    assert not extractor.network.training
    assert not any(parameter.requires_grad for parameter in extractor.network.parameters())
