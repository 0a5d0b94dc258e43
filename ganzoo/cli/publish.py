"""`ganzoo publish`: publish a model on the Hugging Face Hub as one commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ganzoo.cli import output
from ganzoo.errors import UsageError

if TYPE_CHECKING:
    from ganzoo.release.upload import Published


def publish(
    model: Annotated[
        str | None, typer.Argument(help="A finished run or a model: ./FOLDER or a model's name.")
    ] = None,
    repo_id: Annotated[
        str | None, typer.Option(help="Repository, owner/name; created if it does not exist.")
    ] = None,
    summary: Annotated[
        str | None, typer.Option(help="What the model generates, in one line.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", "--license", help="Licence of the weights.")
    ] = None,
    notes: Annotated[str | None, typer.Option(help="Limits of the model, for its card.")] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="JSON list of {name, value, protocol, command}.")
    ] = None,
    example: Annotated[
        list[str] | None, typer.Option(help="A prompt that works well; may be repeated.")
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Create a private repository.")
    ] = False,
    tag: Annotated[
        str | None, typer.Option(help="Tag of the commit, such as v1; it never moves.")
    ] = None,
    training: Annotated[
        bool,
        typer.Option(
            "--training/--no-training", help="Include the networks that fine-tuning needs."
        ),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the files and the card; upload nothing.")
    ] = False,
    official: Annotated[
        bool,
        typer.Option("--official", help="All of weights/; pins the commits in the manifest."),
    ] = False,
) -> None:
    """Publish a model with its card. Needs a token (hf auth login).

    Prints URL, commit and manifest entry."""
    if official:
        others = {str(model): model, "--repo-id": repo_id, "--tag": tag, "--dry-run": dry_run}
        for option, value in others.items():
            if value:
                raise UsageError(
                    f"--official publishes all of weights/; it does not go with {option}"
                )
        from ganzoo.release import bundle

        bundle.publish_official(_report_official, private=private)
        return
    if model is None or repo_id is None:
        raise UsageError(
            "a model and --repo-id are needed: ganzoo publish ./runs/my-gan --repo-id me/my-gan"
        )
    from ganzoo.cli.progress import show_spinner
    from ganzoo.release import Description, prepare
    from ganzoo.zoo import card
    from ganzoo.zoo.pull import pull

    source = pull(model, training=training)
    description = Description(summary, licence, notes, metrics, example)
    if dry_run:
        prepared = prepare.prepare_temporary(source, repo_id, description, training=training)
        with prepared as (folder, entry):
            names = [*entry.files, card.CARD]
            for name in names:
                output.say(f"{name}, {output.size((folder / name).stat().st_size)}")
            output.data((folder / card.CARD).read_text("utf-8"))
        output.say(f"dry run: nothing was uploaded; {repo_id} would hold these {len(names)} files")
        return
    with show_spinner(f"publishing {repo_id}"):
        done = prepare.publish_model(
            source, repo_id, description=description, training=training, private=private, tag=tag
        )
    _report(done)
    output.data(done.url)
    output.data(done.commit)
    output.as_json({prepare.suggest_name(done): done.entry})


def _report(done: Published) -> None:
    changes = [*done.uploaded, *(f"{name} (removed)" for name in done.removed)]
    output.say(f"{done.repository}: {', '.join(changes) or 'is up to date; no new commit'}")


def _report_official(name: str, done: Published) -> None:
    _report(done)
    output.data(f"{name}  {done.commit}")
