"""`ganzoo eval`: figures of samples, with protocols and intervals; two evaluations side by side."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganzoo.cli import output
from ganzoo.cli import train as of_train
from ganzoo.errors import OutputExists, UsageError
from ganzoo.evaluate.groups import GROUPS

if TYPE_CHECKING:
    from ganzoo.evaluate.evaluation import Evaluation
    from ganzoo.evaluate.evidence import EvalOptions
    from ganzoo.evaluate.protocol import Report
    from ganzoo.sampling.model import Model

NEIGHBOURS = "neighbours.png"
"""In a run folder."""


def eval_(
    names: Annotated[
        list[str],
        typer.Argument(help="Weights by name, or a folder; with --compare two, or two reports."),
    ],
    data: of_train.DataOption = None,
    data_root: of_train.DataRootOption = None,
    split: Annotated[
        str, typer.Option(help="Real images to compare with: train or test.")
    ] = "train",
    samples: Annotated[
        int, typer.Option("--samples", "-n", help="Number of samples; papers use 50,000.")
    ] = 10_000,
    real: Annotated[
        int | None, typer.Option(help="Number of images of the split. Default: all.")
    ] = None,
    extractor: Annotated[
        str | None, typer.Option(help="A name, a file, or inception. Default: the data set's own.")
    ] = None,
    figures: Annotated[
        str,
        typer.Option(
            help=f"Some of {','.join(GROUPS)}, or of other packages. Default: all of ganzoo's own."
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of the first sample.")] = 0,
    batch_size: Annotated[int | None, typer.Option(help="Samples at a time. Default: 250.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    precision: Annotated[str, typer.Option(help="Of the generator: fp32, bf16 or auto.")] = "fp32",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Report to write, JSON. Default: in a run's folder."),
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="File to write for `ganzoo manifest add --metrics`.")
    ] = None,
    neighbours: Annotated[
        Path | None,
        typer.Option(help="PNG of samples beside the nearest real images. Default: as for --out."),
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Compare two models.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite existing files.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure samples against real images; each figure has a protocol and a 95 % interval."""
    if compare and len(names) != 2:
        raise UsageError("--compare takes two models or reports")
    if not compare and len(names) != 1:
        raise UsageError("give one model, or two with --compare")
    if compare and (out or metrics or neighbours):
        raise UsageError("--compare writes no files; evaluate each model with --out first")
    for path in (out, metrics, neighbours):
        if path is not None and path.exists() and not force:
            raise OutputExists(path)

    def build_options() -> EvalOptions:
        from ganzoo.evaluate.evidence import EvalOptions

        if data is None:
            example = "mnist, cifar10, a folder ..."
            raise UsageError(f"--data is required: real images to compare with ({example})")
        return EvalOptions(
            data=data,
            root=data_root,
            split=split,
            samples=samples,
            real=real,
            extractor=extractor,
            seed=seed,
            batch_size=batch_size,
            figures=tuple(filter(None, figures.split(","))),
        )

    if not compare:
        paths = {"out": out, "metrics": metrics, "neighbours": neighbours}
        found = _evaluate_and_write(names[0], build_options(), device, precision, paths)
        _print_report(found, as_json)
        return
    reports = []
    for name in names:
        known = _find_report(name, data is None)
        reports.append(known or _reuse_or_measure(name, build_options(), device, precision))
    _print_comparison(reports[0], reports[1], as_json)


def _load_model(name: str, device: str, precision: str) -> tuple[Model, Path | None]:
    """A model, and its folder if it is a run."""
    from ganzoo.sampling.model import Model
    from ganzoo.training import record

    model = Model.load(name, device=device, precision=precision)
    folder = model.source.folder if model.source else None
    return model, folder if folder is not None and (folder / record.RUN).exists() else None


def _measure(model: Model, options: EvalOptions) -> Evaluation:
    """Evaluate with a progress bar on a terminal."""
    from ganzoo.cli.progress import count_parts
    from ganzoo.evaluate import evaluation

    with count_parts(f"{model.name}: images", None) as advance:
        return evaluation.evaluate_model(model, options, advance)


def _evaluate_and_write(
    name: str, options: EvalOptions, device: str, precision: str, paths: dict[str, Path | None]
) -> Evaluation:
    """Evaluate a model and write files; those of a run go into its folder by default."""
    from ganzoo.evaluate import protocol
    from ganzoo.files import write_json
    from ganzoo.pictures.images import save_png

    model, run = _load_model(name, device, precision)
    out, metrics, neighbours = paths["out"], paths["metrics"], paths["neighbours"]
    if run is not None:
        out = out or run / protocol.REPORT
        if options.split == "train":
            neighbours = neighbours or run / NEIGHBOURS
    found = _measure(model, dataclasses.replace(options, neighbours=neighbours is not None))
    if out:
        write_json(out, found.report)
    if metrics:
        write_json(metrics, found.report.metrics())
    if neighbours and found.neighbours:
        save_png(found.neighbours.picture(), neighbours)
    return found


def _reuse_or_measure(name: str, options: EvalOptions, device: str, precision: str) -> Report:
    """The report in a run's folder if it has these options and weights, else a new one."""
    from ganzoo.evaluate import evaluation, protocol

    model, run = _load_model(name, device, precision)
    if run is not None and (run / protocol.REPORT).is_file():
        report = protocol.read_report(run)
        same_command = report.command == evaluation.build_repeat_command(model, options)
        if same_command and report.weights == model.digest:
            return report
    return _measure(model, options).report


def _find_report(name: str, without_data: bool) -> Report | None:
    """Read a report file, or without data to measure with, the report of a run."""
    from ganzoo.evaluate import protocol
    from ganzoo.files import sha256
    from ganzoo.zoo import weights

    path = Path(name)
    if path.suffix == ".json":
        return protocol.read_report(path)
    if not without_data or not (path / protocol.REPORT).is_file():
        return None
    report = protocol.read_report(path)
    file = path / weights.MODEL
    if file.is_file() and sha256(file) != report.weights:
        reason = "belongs to other weights than the folder holds"
        raise UsageError(f"{path / protocol.REPORT} {reason}; pass --data to measure them")
    return report


def _print_warnings(report: Report, prefix: str = "") -> None:
    """Each warning once."""
    texts = {
        f"{figure.title}: {text}": None for figure in report.figures for text in figure.warnings
    }
    for text in texts:
        output.say(f"warning: {prefix}{text}")


def _print_report(found: Evaluation, as_json: bool) -> None:
    """Table of figures on stdout; protocol, warnings and shares by class on stderr."""
    report = found.report
    _print_warnings(report)
    if as_json:
        output.as_json(report)
        return
    output.say(f"{report.model}: {found.protocol.words()}; {report.seconds:.0f} s")
    table = []
    for figure in report.figures:
        spread = "-" if figure.spread is None else _format_number(figure.spread)
        interval = f"{_format_number(figure.low)} to {_format_number(figure.high)}"
        counts = []
        if figure.protocol.fake:
            counts.append(f"{figure.protocol.fake:,} samples")
        if figure.protocol.real:
            counts.append(f"{figure.protocol.real:,} real")
        row = [figure.title, _format_number(figure.value), interval, spread, ", ".join(counts)]
        table.append(row)
    output.table(["figure", "value", "95 % interval", "spread", "of"], table)
    for figure in report.figures:
        # the largest class share has the same shares as the smallest
        if figure.shares and figure.name != "smallest class share":
            title = "class shares" if figure.name == "largest class share" else figure.name
            shares = [f"{name} {100 * share:.1f} %" for name, share in figure.shares.items()]
            output.say(f"{title}: {', '.join(shares)}")


def _print_comparison(first: Report, second: Report, as_json: bool) -> None:
    """Table of both, figure by figure; UsageError if the protocols of all figures differ."""
    from ganzoo.evaluate import protocol

    pairs = protocol.pair_figures(first, second)
    if not pairs:
        raise UsageError(f"{first.model} and {second.model} have no figure in common")
    comparable = [pair for pair in pairs if not pair.unlike]
    if not comparable:
        reasons = "; ".join(pairs[0].unlike)
        raise UsageError(f"{first.model} and {second.model} were measured differently: {reasons}")
    for report in (first, second):
        _print_warnings(report, f"{report.model}: ")
    if as_json:
        rows = []
        for pair in pairs:
            both = {} if pair.unlike else {"first": pair.first, "second": pair.second}
            rows.append({"name": pair.name, **both, "unlike": pair.unlike, "apart": pair.apart})
        output.as_json(rows)
        return
    table = []
    for pair in comparable:
        row = [pair.first.title]
        for figure in (pair.first, pair.second):
            interval = f"{_format_number(figure.low)} to {_format_number(figure.high)}"
            row.append(f"{_format_number(figure.value)} ({interval})")
        first_is_better = (pair.first.value < pair.second.value) == (pair.first.better == "low")
        verdict = f"{first.model if first_is_better else second.model} is better"
        if pair.first.better == "level":
            verdict = "apart"
        table.append([*row, verdict if pair.apart else "intervals overlap"])
    output.table(["figure", first.model, second.model, "verdict"], table)
    for pair in pairs:
        if pair.unlike:
            output.say(f"{pair.first.title} is not compared: {'; '.join(pair.unlike)}")


def _format_number(value: float) -> str:
    """Four decimals below 10, else two."""
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"
