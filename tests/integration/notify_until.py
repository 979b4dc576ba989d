"""Ends an approved deletion and flushes the outbox for each request on stdin, dying after the side effect asked for.

A request is a JSON line: home, step, count (the step's how-manieth time), and log, a file that gets a line for each
message sent. The answer is a line with how it ended.
"""

from pathlib import Path

from dying import die_after, serve


class Logging:
    """A sender that whoever looks at a file can count."""

    def __init__(self, log):
        self.log = log

    def send(self, message):
        with Path(self.log).open("a", encoding="utf-8") as stream:
            stream.write(f"{message.message_id}\n")
        return True


def notify_until(home, step, count, log):
    from pipelines.control.requests import list_planned
    from pipelines.journeys import certify, delete, notify
    from pipelines.journeys.house import open_house
    from pipelines.settings import load_settings

    owners = {"send": Logging, "purge_table": delete, "issue": certify, "complete": certify}
    name = "move_requests" if step == "complete" else step
    house = open_house(load_settings({"TOKUMEI_HOME": home}))
    die_after(owners.get(step, notify), name, count)
    sender = Logging(log)
    for digest in delete.find_open_plans(house):
        if list_planned(house.ledger, digest, "approved"):
            delete.run_plan(house, digest)
        certify.certify_deletions(house, digest, {"webhook": sender})


serve(notify_until)
