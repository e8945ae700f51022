"""Searches and events as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from service.job import SearchEvent, SearchJob, time_text


def job_view(job: SearchJob) -> dict[str, Any]:
    """A search as JSON values."""
    progress = job.progress
    return {
        "id": job.id,
        "state": job.state,
        "state_reason": job.state_reason,
        "created_at": time_text(job.created_at),
        "queued_at": time_text(job.queued_at),
        "started_at": _time(job.started_at),
        "cancelling_at": _time(job.cancelling_at),
        "finished_at": _time(job.finished_at),
        "estimated_finish_at": _time(job.estimated_finish_at),
        "spec": dict(job.request),
        "effective_spec": dict(job.effective),
        "seed": job.seed,
        "progress": {
            "phase": progress.phase,
            "generation": progress.generation,
            "generations_total": progress.generations_total,
            "evaluations": progress.evaluations,
            "fraction": progress.fraction,
            "front_size": progress.front_size,
            "hypervolume": progress.hypervolume,
            "seconds_left": progress.seconds_left,
        },
        "attempt": job.attempt,
        "error": None if job.error is None else vars(job.error),
        "urls": _urls(job.id),
    }


def event_view(event: SearchEvent) -> dict[str, Any]:
    """An event as JSON values."""
    return {"seq": event.seq, "at": time_text(event.at), "kind": event.kind, "detail": dict(event.detail)}


def search_url(search_id: str) -> str:
    """Address of a search."""
    return f"/v1/searches/{search_id}"


def _urls(search_id: str) -> dict[str, str]:
    base = search_url(search_id)
    front = f"{base}/front"
    return {
        "self": base,
        "cancel": f"{base}/cancel",
        "events": f"{base}/events",
        "front": front,
        "front_csv": f"{front}.csv",
        "front_zip": f"{front}.zip",
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else time_text(moment)
