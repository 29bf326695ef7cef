"""`profiler health`: what a container's health check is told."""

import http.server
import signal
import threading

from profiler.servers.ports import LOOPBACK, free_port
from tests.conftest import MakeStore
from tests.integration.commands import run_command
from tests.integration.conftest import Deploy


def test_a_worker_is_asked_where_the_settings_say(private_store: MakeStore, deploy: Deploy) -> None:
    port = free_port()
    listen = f"0.0.0.0:{port}"
    deployment = deploy(private_store("redis7").url)
    with deployment.start("run", METRICS__LISTEN=listen) as worker:
        worker.wait_for(lambda: run_command(["health"], METRICS__LISTEN=listen).code == 0)
        assert run_command(["health", "--metrics", f"{LOOPBACK}:{port}"]).output == "well\n"

        worker.send_signal(signal.SIGSTOP)
        hangs = run_command(["health"], METRICS__LISTEN=listen)
        worker.send_signal(signal.SIGCONT)
        assert (hangs.code, hangs.output) == (1, "unwell: no answer (timed out)\n")

        worker.wait_for(lambda: worker.owned() == deployment.partitions)
        worker.stop()
    gone = run_command(["health"], METRICS__LISTEN=listen)
    assert gone.code == 1
    assert "refused" in gone.output


def test_where_nothing_is_served_nothing_is_known() -> None:
    asked = run_command(["health"])

    assert (asked.code, asked.output) == (0, "nothing is known: metrics.listen is not set\n")


def test_another_program_at_the_port_is_no_worker() -> None:
    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(500)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer((LOOPBACK, 0), Other) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            asked = run_command(["health"], METRICS__LISTEN=f"{LOOPBACK}:{server.server_port}")
        finally:
            server.shutdown()
            thread.join()

    assert (asked.code, asked.output) == (1, "unwell: it is no worker that answers\n")
