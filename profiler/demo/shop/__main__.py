"""`python -m profiler.demo.shop PORT`: the shop on loopback; settings as any command's.

The environment's SHOP_LIVE_PAGE is the address of the live page, to which the pages link.
"""

import os
import sys
from contextlib import closing

import uvicorn

from profiler.config import load_settings
from profiler.demo.shop.app import Collector, shop_app
from profiler.kafka import open_producer
from profiler.servers.ports import LOOPBACK


def main(port: int) -> None:
    """Serve until SIGTERM."""
    settings = load_settings()
    with closing(open_producer(settings.kafka)) as producer:
        collector = Collector(producer, settings.topics.processed)
        app = shop_app(collector, live_page=os.environ.get("SHOP_LIVE_PAGE", ""))
        uvicorn.run(app, host=LOOPBACK, port=port, log_level="warning", access_log=False)


main(int(sys.argv[1]))
