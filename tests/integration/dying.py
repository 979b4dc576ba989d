"""Ends a process right after a side effect, for the scripts beside this one that are run to be killed."""

import json
import os
import signal
import sys
import warnings


def die_after(owner, name, count):
    """Let a function do its work, and have the process killed before it can say so."""
    work, calls = getattr(owner, name), []

    def work_and_die(*arguments, **options):
        result = work(*arguments, **options)
        calls.append(1)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, work_and_die)


def die_everywhere_after(owner, name, count):
    """The same for a function wherever ours have imported it, counted all together."""
    work = getattr(owner, name)
    die_after(owner, name, count)
    dying = getattr(owner, name)
    for module_name, module in list(sys.modules.items()):
        if module_name.startswith("pipelines.") and vars(module).get(name) is work:
            setattr(module, name, dying)


def serve(run):
    """Run each request on stdin, a JSON line of arguments, in a process of its own; the answer is how that one ended.

    Great Expectations takes seconds to import, so it is imported once here; Polars is not, for its threads outlive no
    fork.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: F401
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                run(**json.loads(line))
            finally:
                os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write("killed\n" if os.WIFSIGNALED(status) else "lived\n")
        sys.stdout.flush()
