"""`causalsig release`: see what would leave, let it leave, or not."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from causalsig.errors import RefusedError, ReleaseError
from causalsig_cli._screen import say

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True, help="Review, approve, refuse and verify what leaves a site.")

Folders = Annotated[
    list[Path], typer.Argument(help="Folders with a review.json, or folders of such folders.")
]
Approver = Annotated[Literal["operator", "checker"], typer.Option("--as", help="In which role.")]
Name = Annotated[str, typer.Option(help="Your name, for the log that stays here.")]
Format = Annotated[Literal["text", "json"], typer.Option("--format", help="How to print.")]


@app.command()
def review(
    folders: Annotated[
        list[Path], typer.Argument(help="A review.json, the folder it is in, or folders of such folders.")
    ],
    language: Annotated[Literal["nl", "en"], typer.Option(help="Language of the rules.")] = "en",
    format_: Format = "text",
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write one HTML page instead; of several reviews a folder of pages."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a page that is there.")] = False,
) -> None:
    """Show exactly what would leave, each value with the rule that lets it pass.

    The log of the review keeps that it was shown: what was not shown since it was made, or since the other
    person approved it, cannot be approved.
    """
    from causalsig.release.life import look, read_review, what_ledger_is_told
    from causalsig_cli._release_screen import print_json, print_text, write_page

    chosen = _expand(folders)
    for place, folder in enumerate(chosen):
        if html is not None:
            found = read_review(folder)
            page = html if len(chosen) == 1 else html / f"{folder.name}.html"
            write_page(found, what_ledger_is_told(folder, found), page, language, force=force)
            if read_review(folder).payload_hash == found.payload_hash:
                look(folder)  # last: a page that was not written showed nobody anything
            continue
        found = look(folder)
        ledger = what_ledger_is_told(folder, found)
        if format_ == "json":
            print_json(found, ledger, language)
        else:
            if len(chosen) > 1:
                typer.echo(f"{'' if place == 0 else chr(10)}== {folder.name}")
            print_text(found, ledger, language)
    if html is not None:
        say("for operator and output checker; it names people, so keep it inside.")


@app.command()
def draw(
    folders: Annotated[
        list[Path], typer.Argument(help="Folders with a private.json, or folders of such folders.")
    ],
    keys: Annotated[Path, typer.Option(help="Folder with the operator's private key.")],
    force: Annotated[
        bool, typer.Option("--force", help="Review it in place of an earlier other document.")
    ] = False,
) -> None:
    """Draw the noise of a private release, once, and put the document up for review.

    It spends the study's epsilon of the site's budget: the ledger has a line of it before anybody sees the
    document, and what is refused afterwards stays spent. Given again it shows the same document.
    """
    from causalsig.release.keys import read_signing_key
    from causalsig.release.private_draw import draw as draw_once

    key = read_signing_key(keys, "operator")
    refused = False
    for folder in _expand(folders, "private.json"):
        try:
            typer.echo(str(draw_once(folder, key=key, force=force)))
        except RefusedError as error:
            typer.echo(f"causalsig: {folder.name}: {error.message}", err=True)
            refused = True
    if refused:
        raise typer.Exit(RefusedError.exit_code)
    say("drawn, and spent. Next: causalsig release review FOLDER, then causalsig release approve FOLDER.")


@app.command()
def approve(
    folders: Folders,
    role: Approver,
    name: Name,
    keys: Annotated[
        Path, typer.Option(help="Folder with your private key, and the public key of the other person.")
    ],
    payload: Annotated[
        list[str] | None,
        typer.Option(
            help="Hash of the payload you mean, or its start, as review prints it; may be repeated."
        ),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option(help="The provider's ledger, so that no other is told; default: the one review shows."),
    ] = None,
    outbox: Annotated[
        Path | None, typer.Option(help="Where a release goes; default: outbox beside the site's folder.")
    ] = None,
    reason: Annotated[str, typer.Option(help="A remark, for the log.")] = "",
    demo: Annotated[
        bool, typer.Option("--demo", help="A demo approval: the pool refuses it without --demo.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier release in the outbox.")] = False,
    accept_clock: Annotated[
        bool,
        typer.Option("--accept-clock", help="The clock is right; the later time was wrong."),
    ] = False,
) -> None:
    """Approve what was reviewed; after operator and output checker, two people, it is released.

    Only what was shown (causalsig release review) since it was made, and since the other person approved it,
    can be approved, or what --payload names.
    """
    from causalsig.release.key_places import check_one_person
    from causalsig.release.keys import read_signing_key, read_trusted
    from causalsig.release.life import approve as sign

    key, trusted = read_signing_key(keys, role), read_trusted(keys)
    if not demo:
        check_one_person(keys)
    waiting = released_now = refused = unseen = 0
    chosen = _expand(folders)
    for folder in chosen:
        target = outbox or folder.parent / "outbox"
        try:
            released = sign(
                folder,
                role=role,
                name=name,
                key=key,
                trusted=trusted,
                outbox=target,
                payload=_meant(folder, payload),
                ledger=ledger,
                demo=demo,
                reason=reason,
                force=force,
                accept_clock=accept_clock,
            )
        except RefusedError as error:
            # One that may not leave keeps none of the others in.
            typer.echo(f"causalsig: {folder.name}: {error.message}", err=True)
            refused += 1
            continue
        except ReleaseError as error:
            if error.code != "release-not-seen":
                raise
            typer.echo(f"causalsig: {folder.name}: {error.message}", err=True)
            unseen += 1
            continue
        waiting += released is None
        if released is not None:
            released_now += 1
            typer.echo(str(released))
    if waiting:
        other = "checker" if role == "operator" else "operator"
        typer.echo(
            f"causalsig: approved as {role}; {waiting} wait(s) for the other person: "
            f"causalsig release approve ... --as {other}",
            err=True,
        )
    if refused or unseen:
        if len(chosen) > 1:
            say(
                f"{waiting + released_now} approved; {refused} may not leave, {unseen} not looked at: these "
                "were not approved."
            )
        raise typer.Exit(RefusedError.exit_code if refused else ReleaseError.exit_code)


def _meant(folder: Path, payloads: list[str] | None) -> str | None:
    """Pick, of the payloads that were named, that of a folder; else any one, which approving refuses."""
    from causalsig.release.life import read_review

    if not payloads:
        return None
    own = read_review(folder).payload_hash
    return next((one for one in payloads if own.startswith(one)), payloads[0])


@app.command()
def refuse(
    folders: Folders,
    role: Approver,
    name: Name,
    keys: Annotated[Path, typer.Option(help="Folder with your private key.")],
    reason: Annotated[str, typer.Option(help="Why; kept in the log.")],
) -> None:
    """Refuse: nothing leaves, and the refusal is kept, for every copy of the same document."""
    from causalsig.release.keys import read_signing_key
    from causalsig.release.life import refuse as keep_inside

    key = read_signing_key(keys, role)
    for folder in _expand(folders):
        keep_inside(folder, role=role, name=name, reason=reason, key=key)
        typer.echo(str(folder))


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(help="A released file (*.release.json) or a pool.")],
    keys: Annotated[Path, typer.Option(help="Folder with the public keys you trust (*.pub.json).")],
    demo: Annotated[bool, typer.Option("--demo", help="Accept a demo approval.")] = False,
    format_: Format = "text",
) -> None:
    """Check, without a network, that a release or a pool is unchanged and signed by those you trust.

    A word of withdrawal (*.withdrawn.json) too. Exit status 3: such a word lies beside the release.
    """
    from causalsig.release.keys import read_trusted
    from causalsig.release.signed import verify as check
    from causalsig.release.withdrawal import SUFFIX, refuse_withdrawn, verify_word

    trusted = read_trusted(keys)
    if file.name.endswith(SUFFIX):
        word = verify_word(file, trusted=trusted, allow_demo=demo)
        told = word.model_dump(mode="json", exclude={"schema_version"})
        lines = f"verified: {word.kind} of {word.of}, reason: {word.reason}\npayload  {word.payload_hash}"
        typer.echo(json.dumps(told, indent=2) if format_ == "json" else lines)
        return
    found = check(file, trusted=trusted, allow_demo=demo)
    refuse_withdrawn(file, found.payload_hash, trusted, allow_demo=demo)
    values = {
        "kind": found.kind,
        "demo": found.demo,
        "study_digest": found.study_digest,
        "payload_hash": found.payload_hash,
        "ledger": found.ledger,
        "program": found.program,
        "signers": [{"role": key.role, "key_id": key.key_id} for key in found.signers],
    }
    if format_ == "json":
        typer.echo(json.dumps(values, indent=2))
        return
    typer.echo(f"verified: {found.kind}{', demo' if found.demo else ''}")
    if found.study_digest is not None:
        typer.echo(f"study    {found.study_digest}")
    typer.echo(f"payload  {found.payload_hash}")
    if found.ledger is not None:
        typer.echo(f"ledger   {found.ledger}")
    if found.program is not None:
        typer.echo(f"program  {found.program}")
    for key in found.signers:
        typer.echo(f"signed   {key.role}  {key.key_id}")


@app.command()
def schema(
    kind: Annotated[
        Literal[
            "estimates",
            "profile",
            "monitor",
            "pool",
            "withdrawal",
            "study",
            "masked_key",
            "masked_round",
            "masked_contribution",
            "envelope",
        ],
        typer.Argument(help="Which document; an envelope carries each of them."),
    ],
) -> None:
    """Print the JSON Schema (2020-12) of a document that leaves, for those who read it without causalsig."""
    from importlib.resources import files

    typer.echo((files("causalsig.release") / "schemas" / f"{kind}.json").read_text("utf-8"), nl=False)


@app.command()
def withdraw(
    files: Annotated[list[Path], typer.Argument(help="Released files, in the outbox.")],
    ledger: Annotated[Path, typer.Option(help="Folder of the ledger: `ledger` beside the provider's key.")],
    role: Approver,
    keys: Annotated[Path, typer.Option(help="Folder with your private key and the public keys you trust.")],
    reason: Annotated[
        Literal["erasure", "error", "agreement_ended", "other"], typer.Option(help="Why; it is sent along.")
    ],
    demo: Annotated[bool, typer.Option("--demo", help="Accept a demo approval.")] = False,
) -> None:
    """Take releases back: the ledger remembers it, and a signed word (*.withdrawn.json) takes their place.

    Send that word to whoever had the file: a pool made with it leaves the site out. What was told stays told,
    so the ledger goes on comparing what leaves later with it.
    """
    from causalsig.release.keys import read_signing_key, read_trusted
    from causalsig.release.withdrawal import withdraw as take_back

    key, trusted = read_signing_key(keys, role), read_trusted(keys)
    for file in files:
        word = take_back(file, ledger=ledger, reason=reason, key=key, trusted=trusted, allow_demo=demo)
        typer.echo(str(word))


@app.command()
def thresholds(
    file: Annotated[Path, typer.Argument(help="A released file (*.release.json).")],
    keys: Annotated[Path, typer.Option(help="Folder with the public keys you trust (*.pub.json).")],
    demo: Annotated[bool, typer.Option("--demo", help="Accept a demo approval.")] = False,
    format_: Format = "text",
) -> None:
    """Estimate the effects at a site's cutoffs again, from the released tables of bins alone.

    By the site's own choices, and at other bandwidths, with holes at the cutoff and at placebo cutoffs. Exit
    status 1: a number that its own table does not give.
    """
    from causalsig_cli._thresholds import show_again

    if not show_again(file, keys, demo=demo, as_json=format_ == "json"):
        raise typer.Exit(1)


@app.command()
def crate(
    file: Annotated[Path, typer.Argument(help="A released file, in the outbox or as it was received.")],
    keys: Annotated[Path, typer.Option(help="Folder with the public keys you trust (*.pub.json).")],
    out: Annotated[Path, typer.Option(help="Folder to write, or a file that ends in .zip.")],
    day: Annotated[
        datetime | None,
        typer.Option("--date", formats=["%Y-%m-%d"], help="Day that the crate is of. Default: today."),
    ] = None,
    review: Annotated[
        Path | None,
        typer.Option(help="The site's folder: its record goes in, with names. For the provider only."),
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Accept a demo approval.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace files of the same names.")] = False,
) -> None:
    """Write a release as an RO-Crate: the signed file as it left, and where it comes from, as JSON-LD.

    It tells what the signed file tells, and the day: whoever has file and public keys can make the same.
    """
    from causalsig_cli._crates import write_crate

    write_crate(file, keys, out, day=day, review=review, demo=demo, force=force)


@app.command()
def acro(
    file: Annotated[Path, typer.Argument(help="A review.json, or the folder it is in.")],
    out: Annotated[Path, typer.Option(help="Folder to write.")],
    language: Annotated[Literal["nl", "en"], typer.Option(help="Language of the rules.")] = "en",
    force: Annotated[bool, typer.Option("--force", help="Replace files of the same names.")] = False,
) -> None:
    """Write what would leave in the form of ACRO's results, for the SACRO viewer. It stays with you."""
    from causalsig_cli._crates import write_screen

    write_screen(file, out, language, force=force)


def _expand(folders: list[Path], name: str = "review.json") -> list[Path]:
    """Let a folder without such a file stand for the folders in it that have one."""
    found: list[Path] = []
    for folder in (path.parent if path.name == name else path for path in folders):
        inside = sorted(path.parent for path in folder.glob(f"*/{name}"))
        found.extend([folder] if (folder / name).exists() or not inside else inside)
    return found
