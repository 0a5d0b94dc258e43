"""`ganzoo eval`: figures of samples, with protocols and intervals; two evaluations side by side."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import output, started
from ganzoo.cli import train as of_train
from ganzoo.errors import OutputExists, UsageError

if TYPE_CHECKING:
    from ganzoo.evaluate.evaluation import EvalOptions, Evaluation
    from ganzoo.evaluate.protocol import Report
    from ganzoo.sampling.model import Model

NEIGHBOURS = "neighbours.png"
"""In a run folder."""


def evaluate(
    names: Annotated[
        list[str],
        typer.Argument(help="Weights by name, or a folder; with --compare two, or two reports."),
    ],
    data: of_train.Data = None,
    data_root: of_train.DataRoot = None,
    split: Annotated[
        str, typer.Option(help="The pictures to compare with: train or test.")
    ] = "train",
    samples: Annotated[
        int,
        typer.Option("--samples", "-n", help="How many are drawn; published figures take 50,000."),
    ] = 10_000,
    real: Annotated[
        int | None, typer.Option(help="How many pictures of the split. Default: all.")
    ] = None,
    extractor: Annotated[
        str | None, typer.Option(help="A name, a file, or inception. Default: the data set's own.")
    ] = None,
    figures: Annotated[
        str, typer.Option(help="Some of fid,kid,balls,is,classes,msssim. Default: all.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the first sample.")] = 0,
    batch_size: Annotated[int | None, typer.Option(help="Samples at a time. Default: 250.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="Of the generator: fp32, bf16 or auto.")] = "fp32",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The report, as JSON. Default: in a run's folder."),
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="The figures as `ganzoo manifest add --metrics` takes them.")
    ] = None,
    neighbours: Annotated[
        Path | None,
        typer.Option(
            help="A PNG of samples beside the nearest real pictures. Default: in a run's folder."
        ),
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Two of them side by side.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Measure samples against a data set: FID, KID, precision, recall and more, each with its protocol and 95 % interval."""
    if len(names) != (2 if compare else 1):
        raise UsageError(
            "--compare takes two models or reports"
            if compare
            else "one model is evaluated; --compare takes two"
        )
    if compare and (out or metrics or neighbours):
        raise UsageError("--compare writes no files; evaluate each model with --out first")
    for path in (out, metrics, neighbours):
        if path is not None and path.exists() and not force:
            raise OutputExists(path)

    def asked() -> EvalOptions:
        from ganzoo.evaluate.evaluation import EvalOptions

        if data is None:
            raise UsageError(
                "--data is needed: what the samples are compared with (mnist, cifar10, a folder ...)"
            )
        return EvalOptions(
            data=data, root=data_root, split=split, samples=samples, real=real, extractor=extractor, seed=seed,
            batch_size=batch_size, figures=tuple(filter(None, figures.split(","))),
        )  # fmt: skip

    if compare:
        first, second = (
            _told(name, data is None) or _compared(name, asked(), device, precision)
            for name in names
        )
        _beside(first, second, as_json)
        return
    files = {"out": out, "metrics": metrics, "neighbours": neighbours}
    report = _written(names[0], asked(), device, precision, files)
    _show(report, as_json)


command = evaluate


def _loaded(name: str, device: str, precision: str) -> tuple[Model, Path | None]:
    """A model, and its folder if it is a run."""
    from ganzoo.sampling.model import Model
    from ganzoo.training import record

    started()
    model = Model.load(name, device=device, precision=precision)
    folder = model.source.folder if model.source else None
    return model, folder if folder is not None and (folder / record.RUN).exists() else None


def _measured(model: Model, asked: EvalOptions) -> Evaluation:
    from ganzoo.cli.progress import counter
    from ganzoo.evaluate import evaluation

    advance, stop = (
        counter(f"{model.name}: pictures", None) if sys.stderr.isatty() else (None, lambda: None)
    )
    try:
        return evaluation.evaluate(model, asked, advance)
    finally:
        stop()


def _written(
    name: str, asked: EvalOptions, device: str, precision: str, files: dict[str, Path | None]
) -> Report:
    """One model, and the files that are asked for; of a run, some in its folder."""
    import dataclasses

    from ganzoo.evaluate import protocol
    from ganzoo.files import write_json
    from ganzoo.pictures.images import save_png

    model, run = _loaded(name, device, precision)
    wanted = {kind: path for kind, path in files.items() if path is not None}
    if run is not None:
        own = {"out": run / protocol.REPORT} | (
            {"neighbours": run / NEIGHBOURS} if asked.split == "train" else {}
        )
        wanted = own | wanted
    done = _measured(model, dataclasses.replace(asked, neighbours="neighbours" in wanted))
    if path := wanted.get("out"):
        protocol.write_report(path, done.report)
    if path := wanted.get("metrics"):
        write_json(path, done.report.metrics())
    if (path := wanted.get("neighbours")) and done.neighbours:
        save_png(done.neighbours.picture(), path)
    return done.report


def _compared(name: str, asked: EvalOptions, device: str, precision: str) -> Report:
    """Measured now, unless a run's folder holds just that; nothing is written."""
    from ganzoo.evaluate import evaluation, protocol

    model, run = _loaded(name, device, precision)
    if run is not None and (run / protocol.REPORT).is_file():
        report = protocol.read_report(run)
        if (report.weights, report.command) == (
            model.digest,
            evaluation.build_command(model, asked),
        ):
            return report
    return _measured(model, asked).report


def _told(name: str, alone: bool) -> Report | None:
    """A report's file; or, `alone`, without data to measure it with, what a run's folder holds of its present weights."""
    from ganzoo.evaluate import protocol
    from ganzoo.files import sha256
    from ganzoo.zoo import weights

    path = Path(name)
    if path.suffix == ".json":
        return protocol.read_report(path)
    if not alone or not (path / protocol.REPORT).is_file():
        return None
    report = protocol.read_report(path)
    if (path / weights.MODEL).is_file() and sha256(path / weights.MODEL) != report.weights:
        raise UsageError(
            f"{path / protocol.REPORT} is of other weights than lie there now; give --data to measure them"
        )
    return report


def _warn(report: Report, of: str = "") -> None:
    for warning in dict.fromkeys(
        f"{figure.name}: {text}" for figure in report.figures for text in figure.warnings
    ):
        output.say(f"warning: {of}{warning}")


def _show(report: Report, as_json: bool) -> None:
    _warn(report)
    if as_json:
        output.as_json(report)
        return
    for figure in report.figures[:1]:
        output.say(f"{report.model}: {figure.protocol.words()}; {report.seconds:.0f} s")
    output.table(
        ["figure", "value", "95 % interval", "spread", "of"],
        [_row(figure) for figure in report.figures],
    )
    for figure in report.figures:
        if (
            figure.shares and figure.name != "smallest class share"
        ):  # which has the same shares as the largest
            shares = ", ".join(
                f"{name} {100 * share:.1f} %" for name, share in figure.shares.items()
            )
            output.say(
                f"{'class accuracy' if figure.name == 'class accuracy' else 'class shares'}: {shares}"
            )


def _beside(first: Report, second: Report, as_json: bool) -> None:
    """Both, figure by figure; UsageError where no figure of one may be compared with the other's."""
    from ganzoo.evaluate import protocol

    found = protocol.pair_figures(first, second)
    if not found:
        raise UsageError(f"{first.model} and {second.model} have no figure in common")
    alike = [pair for pair in found if not pair.unlike]
    if not alike:
        raise UsageError(
            f"{first.model} and {second.model} were measured otherwise: {'; '.join(found[0].unlike)}"
        )
    for report in (first, second):
        _warn(report, f"{report.model}: ")
    if as_json:
        output.as_json([{**_fields(pair), "apart": pair.apart} for pair in found])
        return
    rows = [
        [
            pair.name,
            _with(pair.first),
            _with(pair.second),
            _verdict(pair, first.model, second.model),
        ]
        for pair in alike
    ]
    output.table(["figure", first.model, second.model, "verdict"], rows)
    for pair in found:
        if pair.unlike:
            output.say(f"{pair.name} is not compared: {'; '.join(pair.unlike)}")


def _fields(pair: Any) -> dict[str, Any]:
    if pair.unlike:
        return {"name": pair.name, "unlike": list(pair.unlike)}
    return {"name": pair.name, "first": pair.first, "second": pair.second, "unlike": []}


def _verdict(pair: Any, first: str, second: str) -> str:
    """Whose figure is better, where the intervals do not meet."""
    if not pair.apart:
        return "intervals meet"
    if pair.first.better == "level":
        return "apart"
    return f"{first if (pair.first.value < pair.second.value) == (pair.first.better == 'low') else second} is better"


def _row(figure: Any) -> list[str]:
    interval = f"{_number(figure.low)} to {_number(figure.high)}"
    return [figure.name, _number(figure.value), interval, _spread(figure.spread), _counted(figure)]


def _with(figure: Any) -> str:
    return f"{_number(figure.value)} ({_number(figure.low)} to {_number(figure.high)})"


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"


def _spread(value: float | None) -> str:
    return "-" if value is None else _number(value)


def _counted(figure: Any) -> str:
    counted = {"samples": figure.protocol.fake, "real": figure.protocol.real}
    return ", ".join(f"{number:,} {kind}" for kind, number in counted.items() if number)
