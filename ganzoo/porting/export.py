"""Export the sampling path of a model to other runtimes: ONNX, or torch's own exported form.

The program takes the model's inputs by name, any number of rows, and returns "sample" and the
views. It is kept only if it reproduces the model's samples on fresh rows, in batches of two
sizes."""

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

EXTENSIONS = {"onnx": ".onnx", "torch-export": ".pt2"}
TOLERANCE = 1e-4
"""Largest difference, relative to values above 1: an 80th of a grey level."""
TRACED_ROWS = Rows(0, 3)
FRESH_ROWS = (Rows(1_000, 1), Rows(2_000, 5))
"""Rows that the program is verified with; tracing does not see them."""
EXTRA = ("onnx", "onnxscript", "onnxruntime")
BATCH_DIMENSION = "batch"
Inputs = Mapping[str, Tensor]
Outputs = dict[str, Tensor]


@dataclass(frozen=True)
class Exported:
    """An exported program. `difference`: the largest one from the model; `allowed`: its limit."""

    path: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    difference: float
    allowed: float


class Sampling(nn.Module):
    """`sample` as a forward, from inputs to outputs by name, without networks for training only."""

    def __init__(self, gan: GAN[Any]) -> None:
        super().__init__()
        self.gan = copy.deepcopy(gan).float().cpu().to(memory_format=torch.contiguous_format)
        self.gan.eval().requires_grad_(False)
        for name, _ in gan.named_children():
            if name not in gan.ema:
                delattr(self.gan, name)
        for name in list(gan._buffers):  # state of training, such as a pool of past fakes
            delattr(self.gan, name)

    def forward(self, inputs: Inputs) -> Outputs:
        return dict(generation.name_views(self.gan.sample(inputs)))


def export_program(model: Model, path: Path, kind: str, *, force: bool = False) -> Exported:
    """Write the sampling path of `model` to `path`, in float32.

    GanzooError, and no file, where it cannot be traced or where its outputs differ from the model's
    by more than TOLERANCE."""
    check_export(path, kind, force)
    failure = f"{model.name} cannot be exported"
    batch, free = torch.export.Dim(BATCH_DIMENSION), torch.export.Dim.AUTO
    shapes = {
        name: {0: batch, 2: free, 3: free} if spec.has_any_size else {0: batch}
        for name, spec in model.inputs.items()
    }

    def trace() -> torch.export.ExportedProgram:
        example = (_draw_example(model, TRACED_ROWS),)
        return torch.export.export(Sampling(model.gan), example, dynamic_shapes={"inputs": shapes})

    program = _attempt(failure, trace)
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)  # source lines and local paths
    if kind == "onnx":
        content = _to_onnx(program, model)
    else:
        program.example_inputs = None
        buffer = io.BytesIO()
        extra = {"ganzoo.json": json.dumps(describe_program(model))}
        _attempt(failure, partial(torch.export.save, program, buffer, extra_files=extra))
        content = buffer.getvalue()
    try:
        with replacing(path) as temporary:
            temporary.write_bytes(content)
            return verify_program(model, temporary, kind, path)
    except OSError as error:
        raise GanzooError(f"{path} cannot be written ({error.strerror or error})") from None


def check_export(path: Path, kind: str, force: bool = False) -> None:
    """Check the options before any work.

    UsageError for an unknown format or the wrong extension, OutputExists, GanzooError where a
    package that the format needs is not installed."""
    if kind not in EXTENSIONS:
        hint = did_you_mean(near(kind, EXTENSIONS))
        raise UsageError(
            f"--format {kind}: no such format{hint} (there are: {', '.join(EXTENSIONS)})"
        )
    if path.suffix != EXTENSIONS[kind]:
        raise UsageError(f"{path}: a file for {kind} ends in {EXTENSIONS[kind]}")
    if path.is_dir():
        raise UsageError(f"{path} is a folder")
    if path.exists() and not force:
        raise OutputExists(path)
    missing = [name for name in EXTRA if kind == "onnx" and find_spec(name) is None]
    if missing:
        raise GanzooError(
            f'--format onnx needs {", ".join(missing)}: pip install "ganzoo-torch[export]"'
        )


def verify_program(model: Model, file: Path, kind: str, path: Path) -> Exported:
    """Compare the program in `file` with the model; GanzooError where it differs.

    `path`: the name of the file in messages and in the result."""
    run = _load_program(file, kind)
    largest, allowed = 0.0, TOLERANCE
    names: tuple[str, ...] = ()
    for rows in FRESH_ROWS:
        inputs = _draw_example(model, rows)
        expected = generation.generate(model.fast, [inputs], model.device, "fp32")
        names = tuple(expected)
        outputs = _attempt(
            f"{path}: the program does not run on {rows.count} rows", partial(run, inputs)
        )
        for name, tensor in expected.items():
            limit = TOLERANCE * max(1.0, float(tensor.abs().max()))
            difference = float("inf")
            if name in outputs and outputs[name].shape == tensor.shape:
                difference = float((outputs[name].float() - tensor.float()).abs().max())
            if not difference <= limit:  # NaN is refused as well
                raise GanzooError(
                    f"{path} was not kept: output {name!r} of the program differs from the model's "
                    f"by {difference:.3g} on {rows.count} fresh rows; {limit:.3g} is allowed. "
                    "Does sample() draw random numbers of its own?"
                )
            largest, allowed = max(largest, difference), max(allowed, limit)
    return Exported(path, tuple(model.inputs), names, largest, allowed)


def describe_program(model: Model) -> dict[str, str]:
    """Metadata of the file: no path, no user."""
    return {"plugin": model.plugin.name, "weights_sha256": model.digest, "ganzoo": VERSION}


def _draw_example(model: Model, rows: Rows) -> dict[str, Tensor]:
    """Any valid inputs. Images of any size are larger than those of the tracing."""
    inputs = {name: spec.example(name, rows) for name, spec in model.inputs.items()}
    for name, spec in model.inputs.items():
        if spec.has_any_size and rows is not TRACED_ROWS:
            inputs[name] = inputs[name].repeat(1, 1, 2, 3)
    return inputs


def _to_onnx(program: torch.export.ExportedProgram, model: Model) -> bytes:
    from torch.utils import _pytree

    spec = program.call_spec.out_spec
    outputs = list(_pytree.tree_unflatten([None] * spec.num_leaves, spec)) if spec else []

    def translate() -> Any:
        return torch.onnx.export(
            program,
            (),
            dynamo=True,
            verbose=False,
            external_data=False,
            input_names=list(model.inputs),
            output_names=outputs,
        )

    translated = _attempt(f"{model.name} cannot be exported to ONNX", translate)
    graph = translated.model.graph
    values = [*graph.inputs, *graph.outputs]
    for node in graph.all_nodes():
        values += node.outputs
        node.metadata_props.clear()
    batch = str(graph.inputs[0].shape[0])  # s0 or the like
    for value in values:
        for axis, size in enumerate(value.shape or ()):
            if str(size) == batch:
                value.shape[axis] = type(size)(BATCH_DIMENSION)
    translated.model.metadata_props.clear()
    translated.model.metadata_props.update(describe_program(model))
    content: bytes = translated.model_proto.SerializeToString()
    return content


def _load_program(file: Path, kind: str) -> Callable[[Inputs], Outputs]:
    if kind == "torch-export":
        module = torch.export.load(io.BytesIO(file.read_bytes())).module()
        return torch.inference_mode()(lambda inputs: module(dict(inputs)))

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


def _attempt(failure: str, work: Callable[[], Any]) -> Any:
    """The result of `work`, silenced. What it raises becomes one line: `failure` and the reason."""
    disabled, silence = logging.root.manager.disable, io.StringIO()
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
        kind = type(error).__name__
        reason = next((line for line in str(error).splitlines() if line.strip()), kind)
        raise GanzooError(f"{failure} ({kind}: {reason.strip()[:200]})") from error
    finally:
        logging.disable(disabled)
