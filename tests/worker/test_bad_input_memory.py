"""Over 100,000 bad records, and over large ones, the worker's memory stays flat.

All of them differ, in key, header and value, so that whatever is kept by one of these grows. The
size moves by a few MB from sample to sample (buffers of batches that fell together); a leak of
200 bytes a small record stands out, as does a tenth of the large ones.
"""

import random
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import MakeStore
from tests.integration.pipeline_runs import Input
from tests.worker.conftest import Deploy
from tests.worker.hostile import CORPUS
from tests.worker.hostile_runs import SETTINGS

WARM_UP_CHUNKS = 2


def small_ones(seed: int) -> Iterator[Input]:
    """10,000 small ones of the corpus, each made unlike all others."""
    source = random.Random(seed)
    cases = [case for case in CORPUS if case.is_rejected and len(case.value or b"") < 2_000]
    for number in range(10_000):
        case = cases[number % len(cases)]
        mark = source.randbytes(8).hex()
        value = (case.value or b"").replace(b"hostile page", mark.encode())
        yield Input(value, mark.encode(), headers=((mark, mark.encode()),))


def large_ones(seed: int) -> Iterator[Input]:
    """25 of 600 KB: few objects, many bytes."""
    for number in range(25):
        key = b"%d" % (25 * seed + number)
        yield Input(b"[%b%b]" % (b"1," * 300_000, key), key)


def resident_bytes() -> int:
    """VmRSS of this process."""
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize(
    ("records", "chunks", "bound_mb"),
    [pytest.param(small_ones, 12, 8, id="small"), pytest.param(large_ones, 24, 32, id="large")],
)
def test_memory_stays_flat_over_bad_records(
    records: Callable[[int], Iterator[Input]],
    chunks: int,
    bound_mb: int,
    private_store: MakeStore,
    deploy: Deploy,
) -> None:
    deployment = deploy(private_store("redis7").url, partitions=1)
    sizes = []
    rejected = 0
    with deployment.start("run", **SETTINGS) as program:
        for seed in range(chunks):
            deployment.produce(records(seed))
            program.wait_for(deployment.is_done)
            rejected += len(deployment.read("rejected"))
            deployment.forget_records()
            sizes.append(resident_bytes() >> 20)
        counts = program.stop()
    total = sum(1 for _ in records(0)) * chunks
    assert (counts["read"], counts["rejected"]) == (total, total)
    assert rejected == total
    growth = statistics.median(sizes[-3:]) - statistics.median(sizes[WARM_UP_CHUNKS - 1 :][:3])
    assert growth < bound_mb, f"MB after each chunk: {sizes}"
