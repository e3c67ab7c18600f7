import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from groundling.driver import Gather, ModelCall, PageCall, run_async, run_sync


class SyncPage:
    def title(self):
        return "Home"

    def fail(self):
        raise OSError("gone")


class AsyncPage:
    async def title(self):
        return "Home"

    async def fail(self):
        raise OSError("gone")

    async def hang(self):
        await asyncio.sleep(60)


def apart(coroutine):
    """Run in a thread of its own: the session's browser keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(asyncio.run, coroutine).result(10)


def read_title(page):
    return (yield PageCall(page.title)) + "!"


def recover(page):
    try:
        yield PageCall(page.fail)
    except OSError as error:
        return f"recovered from {error}"


def test_one_generator_serves_a_sync_and_an_async_page():
    assert run_sync(read_title(SyncPage())) == "Home!"
    assert apart(run_async(read_title(AsyncPage()))) == "Home!"


def test_errors_of_the_page_are_raised_inside_the_generator():
    assert run_sync(recover(SyncPage())) == "recovered from gone"
    assert apart(run_async(recover(AsyncPage()))) == "recovered from gone"


def test_an_async_page_under_the_sync_driver_is_refused():
    with pytest.raises(TypeError, match="await the method whose name starts with `a`"):
        run_sync(read_title(AsyncPage()))


def test_model_calls_leave_the_event_loop_free():

    def steps():
        return (yield ModelCall(threading.current_thread))

    async def both():
        return threading.current_thread(), await run_async(steps())

    assert run_sync(steps()) is threading.current_thread()
    loop_thread, model_thread = apart(both())
    assert model_thread is not loop_thread


def test_gather_keeps_the_results_of_the_calls_that_work():
    def steps(page):
        return (yield Gather((PageCall(page.title), PageCall(page.fail))))

    for results in (run_sync(steps(SyncPage())), apart(run_async(steps(AsyncPage())))):
        assert results[0] == "Home"
        assert isinstance(results[1], OSError)


def test_gather_gives_up_on_a_call_that_hangs():
    def steps(page):
        return (yield Gather((PageCall(page.hang), PageCall(page.title)), timeout_s=0.05))

    results = apart(run_async(steps(AsyncPage())))
    assert isinstance(results[0], TimeoutError)
    assert results[1] == "Home"
