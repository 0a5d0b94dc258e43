"""`ganzoo publish`: a model on the Hugging Face Hub, as one commit."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ganzoo.cli import output
from ganzoo.errors import UsageError

if TYPE_CHECKING:
    from ganzoo.release.upload import Published


def publish(
    model: Annotated[
        str | None, typer.Argument(help="A finished run or a model: ./FOLDER, or weights by name.")
    ] = None,
    repo_id: Annotated[
        str | None, typer.Option(help="The repository: owner/name; made if it is not there.")
    ] = None,
    summary: Annotated[str | None, typer.Option(help="What it makes, in one line.")] = None,
    licence: Annotated[
        str | None, typer.Option("--licence", "--license", help="Terms of the weights.")
    ] = None,
    notes: Annotated[str | None, typer.Option(help="Limits of the model, for its card.")] = None,
    metrics: Annotated[
        Path | None, typer.Option(help="JSON list of {name, value, protocol, command}.")
    ] = None,
    example: Annotated[
        list[str] | None, typer.Option(help="A sentence that it draws well; may be repeated.")
    ] = None,
    private: Annotated[bool, typer.Option("--private", help="For you alone.")] = False,
    tag: Annotated[
        str | None, typer.Option(help="A name for this commit, such as v1; it never moves.")
    ] = None,
    training: Annotated[
        bool,
        typer.Option("--training/--no-training", help="With the networks that fine-tuning needs."),
    ] = True,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the files and the card; send nothing.")
    ] = False,
    official: Annotated[
        bool,
        typer.Option("--official", help="All of weights/; writes its commits into the manifest."),
    ] = False,
) -> None:
    """Publish a model with its card; prints URL, commit, and the manifest entry to paste. Needs a token (hf auth login)."""
    if official:
        _official(
            model, {"--repo-id": repo_id, "--tag": tag, "--dry-run": dry_run or None}, private
        )
        return
    if model is None or repo_id is None:
        raise UsageError(
            "a model and --repo-id are needed: ganzoo publish ./runs/my-gan --repo-id me/my-gan"
        )

    from ganzoo.cli.progress import show_spinner
    from ganzoo.release import prepare
    from ganzoo.zoo.source import pull

    source = pull(model, training=training)
    story = prepare.Story(
        summary=summary, licence=licence, notes=notes, metrics=metrics, examples=example
    )
    if dry_run:
        _dry(source, repo_id, story, training)
        return
    with show_spinner(f"publishing {repo_id}"):
        done = prepare.publish(
            source, repo_id, story=story, training=training, private=private, tag=tag
        )
    _say(done)
    output.data(done.url)
    output.data(done.commit)
    output.as_json({prepare.manifest_name(done): done.entry})


def _official(model: str | None, others: dict[str, Any], private: bool) -> None:
    given = [option for option, value in others.items() if value is not None]
    if model is not None or given:
        raise UsageError(
            f"--official publishes all of weights/; it does not go with {model or given[0]}"
        )

    from ganzoo.release import bundle

    def tell(name: str, done: Published) -> None:
        _say(done)
        output.data(f"{name}  {done.commit}")

    bundle.publish_all(tell, private=private)


def _dry(source: Any, repository: str, story: Any, training: bool) -> None:
    from ganzoo.release import prepare
    from ganzoo.zoo import card

    with prepare.prepared(source, repository, story, training=training) as (folder, entry):
        for name in [*entry.files, card.CARD]:
            output.say(f"{name}, {output.size((folder / name).stat().st_size)}")
        output.data((folder / card.CARD).read_text("utf-8"))
    output.say(f"nothing was sent; {repository} would hold these {len(entry.files) + 1} files")


def _say(done: Published) -> None:
    changed = [*done.uploaded, *(f"{name} (removed)" for name in done.removed)]
    output.say(
        f"{done.repository}: {', '.join(changed)}"
        if changed
        else f"{done.repository}: all is there already; no new commit"
    )


command = publish
