"""A model's sampling path as a program for other runtimes: ONNX, or torch's own exported form.

What is written takes the model's inputs by name, any number of rows, and gives "sample" and the views. It is run before it is
kept, on rows that the tracing has not seen and in batches of two sizes; a program that does not give the model's samples is not
kept."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError, OutputExists, UsageError, did_you_mean, near
from ganzoo.files import replacing
from ganzoo.gan import GAN
from ganzoo.inputs import Rows
from ganzoo.sampling import generation
from ganzoo.sampling.model import Model
from ganzoo.version import VERSION

FORMATS = {"onnx": ".onnx", "torch-export": ".pt2"}
TOLERANCE = 1e-4
"""Largest difference, of the largest value in size where that exceeds 1: an 80th of a grey level."""
SEEN, FRESH = Rows(0, 3), (Rows(1_000, 1), Rows(2_000, 5))
"""Rows that the program is traced with, and those that it is tested with."""
EXTRA = ("onnx", "onnxscript", "onnxruntime")
BATCH = "batch"
Inputs = Mapping[str, Tensor]
Outputs = dict[str, Tensor]


@dataclass(frozen=True)
class Exported:
    """What was written: names of inputs and outputs, the largest difference from the model, and what was allowed."""

    path: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    difference: float
    allowed: float


class Sampling(nn.Module):
    """`sample` as a forward of its own: inputs by name -> outputs by name. Networks that only training needs are gone."""

    def __init__(self, gan: GAN[Any]) -> None:
        super().__init__()
        self.gan = (
            copy.deepcopy(gan)
            .float()
            .cpu()
            .to(memory_format=torch.contiguous_format)
            .eval()
            .requires_grad_(False)
        )
        for name, _ in gan.named_children():
            if name not in gan.ema:
                delattr(self.gan, name)
        for name in list(gan._buffers):  # what a restart must keep, such as a pool of past fakes
            delattr(self.gan, name)

    def forward(self, inputs: Inputs) -> Outputs:
        return dict(generation.name_views(self.gan.sample(inputs)))


def export(model: Model, path: Path, kind: str, *, force: bool = False) -> Exported:
    """Write the model's sampling path to `path`, in float32.

    GanzooError, and no file, where it cannot be traced or where its outputs differ from the model's by more than TOLERANCE."""
    check(path, kind, force)
    program = _traced(model)
    content = (_onnx if kind == "onnx" else _torch)(program, model)
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
            return verified(model, temporary, kind, path)
    except OSError as error:
        raise GanzooError(f"{path} cannot be written ({error.strerror or error})") from None


def check(path: Path, kind: str, force: bool = False) -> None:
    """Before any work: UsageError for an unknown format or an extension of another, OutputExists, GanzooError where what the
    format needs is not installed."""
    if kind not in FORMATS:
        raise UsageError(
            f"--format {kind}: no such format{did_you_mean(near(kind, FORMATS))} (there are: {', '.join(FORMATS)})"
        )
    if path.suffix != FORMATS[kind]:
        raise UsageError(f"{path}: {kind} is written to a file called x{FORMATS[kind]}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder")
    if path.exists() and not force:
        raise OutputExists(path)
    missing = [name for name in EXTRA if kind == "onnx" and find_spec(name) is None]
    if missing:
        raise GanzooError(
            f'--format onnx needs {", ".join(missing)}: pip install "ganzoo-torch[export]"'
        )


def verified(model: Model, file: Path, kind: str, path: Path) -> Exported:
    """The program in `file`, run against the model. GanzooError where it differs; `path` is what the file will be called."""
    run = (_onnx_runner if kind == "onnx" else _torch_runner)(file)
    worst, allowed = 0.0, TOLERANCE
    names: tuple[str, ...] = ()
    for rows in FRESH:
        inputs = _example(model, rows)
        wanted = generation.generate(model.fast, [inputs], model.device, "fp32")
        names = tuple(wanted)
        got = _attempt(
            f"{path}: the program does not run on {rows.count} rows", partial(run, inputs)
        )
        for name, tensor in wanted.items():
            difference, limit = _difference(got, name, tensor)
            if not difference <= limit:
                raise GanzooError(
                    f"{path} was not kept: output {name!r} of the program differs from the model's by {difference:.3g} on "
                    f"{rows.count} fresh rows; {limit:.3g} is allowed. Does sample() draw random numbers of its own?"
                )
            worst, allowed = max(worst, difference), max(allowed, limit)
    return Exported(path, tuple(model.inputs), names, worst, allowed)


def metadata(model: Model) -> dict[str, str]:
    """What the file says of itself: no path, no user."""
    return {"plugin": model.plugin.name, "weights_sha256": model.digest, "ganzoo": VERSION}


def _difference(got: Mapping[str, Tensor], name: str, wanted: Tensor) -> tuple[float, float]:
    """Largest difference, infinite where the shapes differ, and how large it may be."""
    limit = TOLERANCE * max(1.0, float(wanted.abs().max()))
    if name not in got or got[name].shape != wanted.shape:
        return float("inf"), limit
    return float((got[name].float() - wanted.float()).abs().max()), limit


def _example(model: Model, rows: Rows) -> dict[str, Tensor]:
    """Any valid inputs. Pictures of any size are wider and higher than those of the tracing."""
    made = {name: spec.example(name, rows) for name, spec in model.inputs.items()}
    larger = [name for name, spec in model.inputs.items() if spec.has_any_size and rows is not SEEN]
    return {
        name: tensor.repeat(1, 1, 2, 3) if name in larger else tensor
        for name, tensor in made.items()
    }


def _dimensions(model: Model) -> dict[str, dict[int, Any]]:
    """Rows are free for every input; height and width too for pictures of any size."""
    batch, free = torch.export.Dim(BATCH), torch.export.Dim.AUTO
    sized = {name for name, spec in model.inputs.items() if spec.has_any_size}
    return {
        name: {0: batch, **({2: free, 3: free} if name in sized else {})} for name in model.inputs
    }


def _traced(model: Model) -> torch.export.ExportedProgram:
    """The program, without the source lines that torch notes at each node: they hold this machine's paths."""

    def trace() -> torch.export.ExportedProgram:
        return torch.export.export(
            Sampling(model.gan),
            (_example(model, SEEN),),
            dynamic_shapes={"inputs": _dimensions(model)},
        )

    program: torch.export.ExportedProgram = _attempt(f"{model.name} cannot be exported", trace)
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)
    return program


def _torch(program: torch.export.ExportedProgram, model: Model) -> bytes:
    program.example_inputs = None
    buffer = io.BytesIO()
    facts = {"ganzoo.json": json.dumps(metadata(model))}
    _attempt(
        f"{model.name} cannot be exported",
        lambda: torch.export.save(program, buffer, extra_files=facts),
    )
    return buffer.getvalue()


def _onnx(program: torch.export.ExportedProgram, model: Model) -> bytes:
    def translate() -> Any:
        return torch.onnx.export(
            program, (), dynamo=True, verbose=False, external_data=False,
            input_names=list(model.inputs), output_names=_outputs(program),
        )  # fmt: skip

    made = _attempt(f"{model.name} cannot be exported to ONNX", translate)
    _name_batch(made.model)
    for node in made.model.graph.all_nodes():
        node.metadata_props.clear()
    made.model.metadata_props.clear()
    made.model.metadata_props.update(metadata(model))
    content: bytes = made.model_proto.SerializeToString()
    return content


def _outputs(program: torch.export.ExportedProgram) -> list[str]:
    """Names of the outputs, in the order of the graph's."""
    from torch.utils import _pytree

    spec = program.call_spec.out_spec
    leaves = _pytree.tree_unflatten([None] * spec.num_leaves, spec) if spec else {}
    return list(leaves)


def _name_batch(graph: Any) -> None:
    """The rows' dimension, which the translator calls s0 or the like, by its name."""
    symbol = str(graph.graph.inputs[0].shape[0])
    for value in [
        *graph.graph.inputs,
        *graph.graph.outputs,
        *(out for node in graph.graph.all_nodes() for out in node.outputs),
    ]:
        for place, size in enumerate(value.shape or ()):
            if str(size) == symbol:
                value.shape[place] = type(size)(BATCH)


def _onnx_runner(file: Path) -> Callable[[Inputs], Outputs]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        file.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]

    def run(inputs: Inputs) -> Outputs:
        arrays = session.run(names, {name: tensor.numpy() for name, tensor in inputs.items()})
        return {name: torch.from_numpy(array) for name, array in zip(names, arrays, strict=True)}

    return run


def _torch_runner(file: Path) -> Callable[[Inputs], Outputs]:
    module = torch.export.load(io.BytesIO(file.read_bytes())).module()

    def run(inputs: Inputs) -> Outputs:
        with torch.inference_mode():
            made: Outputs = module(dict(inputs))
        return made

    return run


def _attempt(what: str, work: Callable[[], Any]) -> Any:
    """What `work` gives; torch and ONNX talk and raise as they like, and the user gets one line."""
    before, silence = logging.root.manager.disable, io.StringIO()
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(silence),
            contextlib.redirect_stderr(silence),
        ):
            warnings.simplefilter("ignore")
            return work()
    except Exception as error:
        text = next(
            (line for line in str(error).splitlines() if line.strip()), type(error).__name__
        )
        raise GanzooError(f"{what} ({type(error).__name__}: {text.strip()[:200]})") from error
    finally:
        logging.disable(before)
