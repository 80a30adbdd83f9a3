"""Taking records out: one file at a time, noted in the audit before the first byte is sent."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form
from fastapi.responses import FileResponse, HTMLResponse, Response
from starlette.background import BackgroundTask

from gadfly.run.exporting import FILES, Export, export_study
from gadfly.run.gather import left_out
from gadfly.web.page import show
from gadfly.web.pages.owner import Runs

__all__ = ["router"]

router = APIRouter()


@router.get("/{study}/study/export", response_class=HTMLResponse)
async def choose(visitor: Runs) -> Response:
    """What can be taken out."""
    left = await asyncio.to_thread(left_out, visitor.served.open)
    return show(visitor, "export.html.j2", left=left, nothing=None)


@router.post("/{study}/study/export")
async def export(visitor: Runs, what: Annotated[Export, Form()]) -> Response:
    """One file."""
    study, by = visitor.served.open, visitor.somebody.name
    folder = Path(tempfile.mkdtemp(prefix="gadfly-export-"))
    name = f"{visitor.served.study.name}-{FILES[what]}"
    sent = False
    try:
        if await asyncio.to_thread(export_study, study, what, folder / name, by=by):
            sent = True
            away = BackgroundTask(shutil.rmtree, folder, ignore_errors=True)
            kind = "text/csv" if what == "table" else "application/jsonl"
            return FileResponse(folder / name, filename=name, media_type=kind, background=away)
    finally:
        if not sent:
            shutil.rmtree(folder, ignore_errors=True)
    left = await asyncio.to_thread(left_out, study)
    return show(visitor, "export.html.j2", left=left, nothing=what)
