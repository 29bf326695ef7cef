"""What a worker serves, as a scraper and a probe see it."""

import json
import urllib.error
import urllib.request
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class Probe(NamedTuple):
    """The answer of /healthz or /readyz."""

    status: int
    reason: str


def scrape(address: str) -> Samples:
    """All samples, by name and labels."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as response:
        return samples_in(response.read())


def samples_in(page: bytes) -> Samples:
    """The samples of a page."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def total(address: str, name: str, **labels: str) -> float:
    """The sum over all series of a name that have these labels."""
    return sum_of(scrape(address), name, **labels)


def sum_of(samples: Samples, name: str, **labels: str) -> float:
    """The same of samples."""
    return sum(
        value
        for (found, its), value in samples.items()
        if found == name and labels.items() <= dict(its).items()
    )


def probe(address: str, path: str) -> Probe:
    """Ask as an orchestrator does; status 0 where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://{address}{path}", timeout=10) as response:
            status, body = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    except OSError as error:
        return Probe(0, str(error))
    return Probe(status, json.loads(body).get("reason", ""))
