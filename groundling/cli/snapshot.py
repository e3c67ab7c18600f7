"""`groundling snapshot`: what the page reader sees."""

from pathlib import Path
from typing import Any

import click
import orjson

from groundling.cli._source import goto, url_of
from groundling.elements import ElementSnapshot
from groundling.errors import DataError


@click.command("snapshot")
@click.argument("source", metavar="URL|FILE")
@click.option("--json", "as_json", is_flag=True, help="Print the whole snapshot as JSON.")
@click.option("--picture", type=click.Path(path_type=Path), help="Write numbered boxes as PNG.")
@click.option("--full-page", is_flag=True, help="The picture shows the page, not the viewport.")
@click.option("--texts", is_flag=True, help="Also print the page's visible text.")
@click.option("--near", type=int, help="Only elements this many pixels around the viewport.")
@click.option("--width", default=1280, show_default=True, help="Viewport in CSS pixels.")
@click.option("--height", default=800, show_default=True, help="Viewport in CSS pixels.")
@click.option("--headed", is_flag=True, help="Show the browser.")
def command(source: str, as_json: bool, picture: Path | None, **options: Any) -> None:  # noqa: ANN401
    """Print the elements of a page that can be acted on, one a line.

    URL needs its scheme, e.g. https://example.org; FILE is an HTML file.
    """
    snapshot, png = _read(url_of(source), picture is not None, options)
    if picture is not None and png is not None:
        _write(picture, snapshot, png, options["full_page"])
    if as_json:
        click.echo(orjson.dumps(snapshot.to_json(), option=orjson.OPT_INDENT_2))
    else:
        _print(snapshot)
    if snapshot.truncated:
        click.echo(f"Not complete: {snapshot.truncated}", err=True)


def _read(
    url: str, with_picture: bool, options: dict[str, Any]
) -> tuple[ElementSnapshot, bytes | None]:
    from groundling.browser import SnapshotOptions
    from groundling.browser.launch import launch_sync
    from groundling.browser.playwright import PlaywrightAdapter
    from groundling.driver import run_sync

    size: Any = {"width": options["width"], "height": options["height"]}
    with launch_sync(headed=options["headed"]) as browser:
        page = browser.new_page(viewport=size)
        adapter = PlaywrightAdapter(page, is_async=False)
        run_sync(adapter.install())
        goto(page, url)
        wanted = SnapshotOptions(near_viewport_px=options["near"], texts=options["texts"])
        snapshot = run_sync(adapter.snapshot(wanted))
        png = page.screenshot(full_page=options["full_page"]) if with_picture else None
        return snapshot, png


def _write(path: Path, snapshot: ElementSnapshot, png: bytes, full_page: bool) -> None:
    from groundling.browser.picture import draw

    try:
        path.write_bytes(draw(png, snapshot, full_page=full_page))
    except OSError as error:
        raise DataError(f"cannot write {path} ({error}): choose another path") from error
    click.echo(f"Wrote {path}.", err=True)


def _print(snapshot: ElementSnapshot) -> None:
    from groundling.browser.lines import line

    for element in snapshot:
        click.echo(line(element, snapshot))
    for text in snapshot.texts:
        click.echo(f". {text}")
    n, ms = len(snapshot), snapshot.read_ms
    click.echo(f"{n} elements in {snapshot.n_nodes} nodes, read in {ms:.0f} ms.", err=True)
