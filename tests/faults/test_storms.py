"""Reminders under storms of killed processes. The judges are the other ends of the sockets.

Three storms in a short form run with every test run; `--faults` runs all of them at full size, three times in a row where
the promise says so. The figures measured so are in docs/storms.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from tests.faults.judges import Ledger
from tests.faults.storm import Ground, Storm, Verdict, bare_ground, ground, storm
from tests.once import psycopg_url

pytestmark = pytest.mark.fault
LATEST = 30.0  # seconds late at most, in a storm


@pytest.fixture(scope="module")
def own_ground() -> Iterator[Ground]:
    with ground() as found:
        yield found


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str, object], None]:
    """Print a figure, whatever pytest captures."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(name: str, figure: object) -> None:
        with capture.global_and_fixture_disabled():
            print(f"\n[storm] {name}: {figure}", flush=True)

    return say


def start_all(one: Storm) -> None:
    """Two workers of three processes each, and two beats throughout."""
    for name in ("worker1", "worker2"):
        one.start_worker(name)
    for name in ("beat1", "beat2"):
        one.start_beat(name)


def rage(one: Storm, at: dict[str, tuple[float, ...]], cancelled: int) -> None:
    """The storm, by its timetable."""

    def again(name: str) -> Callable[[], None]:
        def act() -> None:
            one.kill(name)
            one.start_worker(name)

        return act

    def beat() -> None:
        one.kill("beat1")
        one.start_beat("beat1")

    def database() -> None:
        one.ground.stop_database()
        one.ground.start_database()

    acts: list[tuple[float, Callable[[], object]]] = [(at["cancel"][0], lambda: one.cancel(cancelled))]
    acts += [(when, again(f"worker{1 + n % 2}")) for n, when in enumerate(at["workers"])]
    acts += [(when, one.ground.kill_broker) for when in at["broker"]]
    acts += [(when, beat) for when in at["beat"]]
    acts += [(when, database) for when in at["database"]]
    for when, act in sorted(acts, key=lambda pair: pair[0]):
        one.at(when, act)


SHORT = {"cancel": (1,), "workers": (9, 13, 17, 22, 25), "broker": (11, 19), "beat": (15,), "database": (20,)}
FULL = {"cancel": (5,), "workers": (10, 33, 38, 42, 48), "broker": (36, 44), "beat": (39,), "database": (46,)}


def weather(number: int, full: bool) -> tuple[int, int, int, dict[str, tuple[float, ...]], int]:
    """(messages, lead, spread, timetable, cancelled)."""
    return (number, 30, 20, FULL, number // 10) if full else (number, 8, 16, SHORT, number // 10)


def run(one: Storm, channel: str, ledger: Ledger, *, number: int, full: bool) -> Verdict:
    """Fill, start, rage, wait, judge."""
    number, lead, spread, at, cancelled = weather(number, full)
    start_all(one)
    one.fill(number, channel, lead, spread)
    rage(one, at, cancelled)
    done = one.settle(ledger, 120)
    verdict = one.judge(ledger, done=done)
    verdict.acts = one.acts
    return verdict


def hold(verdict: Verdict) -> None:
    """What holds in every storm."""
    assert verdict.lost == []
    assert verdict.doubled == []
    assert verdict.unwanted == []
    assert verdict.early == []


def test_a_storm_loses_and_doubles_nothing(own_ground: Ground, tell: Callable[[str, object], None]) -> None:
    with storm(own_ground, "storm_short") as one:
        verdict = run(one, "sms", one.provider.ledger, number=200, full=False)
        tell("storm, provider with keys, short", verdict)
        hold(verdict)
        assert len(one.cancelled) >= 10
        assert verdict.unknown == []


def test_cancelled_is_never_sent(own_ground: Ground, tell: Callable[[str, object], None]) -> None:
    """Half are cancelled, then every worker is killed: what a broker would still hold is not sent either."""
    with storm(own_ground, "storm_cancel") as one:
        start_all(one)
        one.fill(120, "sms", 12, 6)
        one.at(1, lambda: one.cancel(60))
        for name in ("worker1", "worker2"):
            one.kill(name)
            one.start_worker(name)
        verdict = one.judge(one.provider.ledger, done=one.settle(one.provider.ledger, 120))
        tell("cancel half, then kill every worker, short", verdict)
        hold(verdict)
        assert len(one.cancelled) >= 30


def test_down_past_every_due_time_and_some_expiry(
    own_ground: Ground, tell: Callable[[str, object], None]
) -> None:
    with storm(own_ground, "storm_down") as one:
        verdict = down(one, number=200, expired=50, lead=1, spread=3)
        tell("all down over every due time, 50 expired meanwhile, short", verdict)


SHAPE = """
    SELECT (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_indexes),
        (SELECT count(*) FROM pg_constraint WHERE contype = 'x'), (SELECT count(*) FROM django_migrations)
"""


def test_a_restored_backup_sends_nothing_again(
    own_ground: Ground, tell: Callable[[str, object], None]
) -> None:
    """The drill of docs/restore.md with the real tools: dumped before five texts left and one was cancelled, restored into
    another server, where four mails have come due as well. What was due before is held until a person has looked; what
    comes due later goes out. Then a nurse decides about four on the page and an operator about the rest by command.
    """
    with storm(own_ground, "drill") as one, bare_ground(want_valkey=False) as fresh:
        texts, mails, copy = one.provider.ledger, one.mail.ledger, one.folder / "backup.dump"
        one.manage("dispatch_messages", "--once")  # this database has been seen
        one.fill(4, "email", 60, 1)
        one.ground.sql(SOON_USELESS, database=one.name)
        one.fill(6, "sms", 0, 1)
        fresh.tool("pg_dump", "-Fc", "-f", str(copy), psycopg_url(one.ground.url(one.name)))
        one.cancel(1)
        one.at(2, lambda: one.manage("dispatch_messages", "--once"))
        assert len(texts.arrived) == 5
        fresh.sql("CREATE DATABASE drill")
        fresh.tool(
            "pg_restore", "--exit-on-error", "--no-comments", "-d", psycopg_url(fresh.url("drill")), str(copy)
        )
        assert fresh.sql(SHAPE, database="drill") == one.ground.sql(SHAPE, database=one.name)
        one.environment |= {
            name: value for name, value in fresh.environment("drill").items() if name.startswith("DATABASE_")
        }
        later(fresh, 2)  # minutes that the restore took: the mails have come due
        one.manage("migrate", "--check")
        one.manage("dispatch_messages", "--once")
        assert set(one.python("tests.faults.crowd", "states")["by_address"].values()) == {"held"}
        assert (len(texts.arrived), texts.absorbed, mails.arrived) == (5, 0, {}), (
            "nothing was even tried again"
        )
        one.fill(1, "sms", 1, 1)
        one.at(2, lambda: one.manage("dispatch_messages", "--once"))
        assert len(texts.arrived) == 6, "what comes due later goes out"
        release(one, fresh)
        states = one.python("tests.faults.crowd", "states")["by_address"]
        tell("restore drill, ten due before the restore and one after", sorted(states.values()))
        assert {name: states[name] for name in MAILS} == dict(
            zip(MAILS, ("sent", "expired", "dead", "sent"), strict=True)
        )
        assert {name: len(times) for name, times in mails.arrived.items()} == {MAILS[0]: 1, MAILS[3]: 1}
        assert ({len(times) for times in texts.arrived.values()}, len(texts.arrived)) == ({1}, 6)
        assert texts.absorbed == 5, "released without looking: the gateway knew them by their keys"


MAILS = [f"p{n}@mail.example" for n in range(4)]
CANCELLED = "+15035550000"
SOON_USELESS = """
    UPDATE scheduling_message SET expires_at = due_at + interval '10 minutes'
    WHERE id = (SELECT min(id) + 1 FROM scheduling_message)
"""


def later(fresh: Ground, minutes: int) -> None:
    """The clock of the restored database goes on."""
    fresh.sql(
        f"UPDATE staff_clockoffset SET offset_by = offset_by + interval '{minutes} minutes'", database="drill"
    )


def release(one: Storm, fresh: Ground) -> None:
    """On the page: two mails are released and one is not, nor the text that was cancelled by telephone; the rest by
    command. The second mail has become useless when the dispatcher comes, twice.
    """
    one.python("tests.faults.crowd", "decide", "release", *MAILS[:2])
    one.python("tests.faults.crowd", "decide", "discard", MAILS[2], CANCELLED)
    person = one.python("tests.faults.crowd", "nurse")["email"]
    one.manage("release_messages", "--send", "--by", person, "--note", "Compared with the gateway's list.")
    later(fresh, 20)
    for _ in range(2):
        one.manage("dispatch_messages", "--once")


def naive(one: Storm, *, number: int, full: bool) -> tuple[list[str], list[str]]:
    """The control under the same kills of workers and broker: (lost, duplicated)."""
    _, lead, spread, at, _ = weather(number, full)
    names = ("worker1", "worker2")
    for name in names:
        one.start_naive_worker(name)
    one.due = one.python("tests.faults.naive", str(number), str(lead), str(spread))["due"]
    one.began = min(one.due.values()) - lead

    def again(name: str) -> Callable[[], None]:
        def act() -> None:
            one.kill(name)
            one.start_naive_worker(name)

        return act

    acts = [(when, again(names[n % 2])) for n, when in enumerate(at["workers"])]
    acts += [(when, one.ground.kill_broker) for when in at["broker"]]
    for when, act in sorted(acts, key=lambda pair: pair[0]):
        one.at(when, act)
    one.at(lead + spread + 15, lambda: None)
    arrived = one.provider.ledger.arrived
    return [a for a in one.due if a not in arrived], [a for a, times in arrived.items() if len(times) > 1]


def test_the_naive_way_fails_in_the_same_storm(
    own_ground: Ground, tell: Callable[[str, object], None]
) -> None:
    """If this passes the storm, the other tests prove nothing."""
    with storm(own_ground, "storm_naive") as one:
        lost, doubled = naive(one, number=200, full=False)
        tell("control: Celery ETA, short", f"wanted 200, lost {len(lost)}, duplicated {len(doubled)}")
        assert len(lost) + len(doubled) >= 20


def down(one: Storm, *, number: int, expired: int, lead: int, spread: int) -> Verdict:
    """Nothing runs while everything falls due; then all of it starts."""
    one.fill(number, "sms", lead, spread, expired)
    after = max(one.due.values()) + 3
    one.ground.stop_database()
    one.at(after - one.began, one.ground.start_database)
    one.ground.kill_broker()
    start_all(one)
    up = time.time()
    done = one.settle(one.provider.ledger, 150)
    verdict = one.judge(one.provider.ledger, since=up, done=done)
    hold(verdict)
    assert len(one.expiring) == expired
    assert {verdict.states[address] for address in one.expiring} == {"expired"}
    assert verdict.items == expired, "each is on a person's list"
    return verdict


# --- At full size, with --faults ---


@pytest.fixture
def full(request: pytest.FixtureRequest) -> None:
    if not request.config.getoption("--faults"):
        pytest.skip("at full size with --faults only")


@pytest.mark.parametrize("run_number", [1, 2, 3])
def test_full_storm_with_keys(
    full, own_ground: Ground, tell: Callable[[str, object], None], run_number: int
) -> None:
    with storm(own_ground, "storm_full") as one:
        verdict = run(one, "sms", one.provider.ledger, number=1000, full=True)
        tell(f"storm, provider with keys, 1000, run {run_number}", verdict)
        hold(verdict)
        assert len(one.cancelled) == 100
        assert verdict.unknown == []
        assert verdict.latest <= LATEST


@pytest.mark.parametrize("run_number", [1, 2, 3])
def test_full_storm_plain_smtp(
    full, own_ground: Ground, tell: Callable[[str, object], None], run_number: int
) -> None:
    with storm(own_ground, "storm_smtp") as one:
        verdict = run(one, "email", one.mail.ledger, number=1000, full=True)
        tell(f"storm, plain SMTP, 1000, run {run_number}", verdict)
        hold(verdict)
        assert len(verdict.unknown) <= 0.02 * verdict.wanted
        assert verdict.items == len(verdict.unknown), "each is on a person's list"


@pytest.mark.parametrize("run_number", [1, 2, 3])
def test_full_down_past_expiry(
    full, own_ground: Ground, tell: Callable[[str, object], None], run_number: int
) -> None:
    with storm(own_ground, "storm_full_down") as one:
        verdict = down(one, number=1000, expired=250, lead=1, spread=4)
        tell(f"all down over every due time, 1000 of which 250 expired, run {run_number}", verdict)
        assert verdict.drained <= 15.0


def test_full_control(full, own_ground: Ground, tell: Callable[[str, object], None]) -> None:
    with storm(own_ground, "storm_full_naive") as one:
        lost, doubled = naive(one, number=1000, full=True)
        tell("control: Celery ETA, 1000", f"wanted 1000, lost {len(lost)}, duplicated {len(doubled)}")
        assert len(lost) + len(doubled) >= 100


def test_one_worker_clock_an_hour_fast(full, own_ground: Ground, tell: Callable[[str, object], None]) -> None:
    with storm(own_ground, "storm_clock") as one:
        one.start_skewed_worker("worker1", 1)
        one.start_worker("worker2")
        one.start_beat("beat1")
        one.fill(500, "sms", 20, 15)
        verdict = one.judge(one.provider.ledger, done=one.settle(one.provider.ledger, 180))
        tell("one of two worker clocks 1 h fast, 500", verdict)
        assert "3600 s ahead" in one.log("worker1")
        hold(verdict)
        assert verdict.unknown == []


SMTP = {
    "p0@mail.example": (["rcpt:550 no such user"], "dead", 0),
    "p1@mail.example": (["data:554 refused"], "dead", 0),
    "p2@mail.example": (["rcpt:452 mailbox full"], "sent", 1),
    "p3@mail.example": (["data:452 too busy"], "sent", 1),
    "p4@mail.example": (["rcpt:421 closing"], "sent", 1),
    "p5@mail.example": (["slow"], "unknown", 1),
    "p6@mail.example": (["drop"], "unknown", 1),
}


def test_each_smtp_fault_ends_in_its_state(
    full, own_ground: Ground, tell: Callable[[str, object], None]
) -> None:
    """Refusing, busy, closing, hanging and dropping servers; then one that is not there at all. Text messages go on."""
    with storm(own_ground, "storm_faults") as one:
        one.mail.script = {address: list(script) for address, (script, _, _) in SMTP.items()}
        one.mail.patience = 8.0  # twice our own
        one.start_worker("worker1")
        one.start_beat("beat1")
        one.fill(60, "sms", 8, 1)
        texts = dict(one.due)
        one.fill(20, "email", 1, 1)
        one.ground.sql(
            "UPDATE scheduling_message SET expires_at = due_at + interval '60 seconds' WHERE channel = 'email'",
            database=one.name,
        )
        done = one.settle(one.mail.ledger, 150)
        states = one.judge(one.mail.ledger, done=done).states
        copies = {
            address: len(one.mail.ledger.arrived.get(address, [])) for address in one.due if "@" in address
        }
        late = [one.provider.ledger.arrived[a][0] - due for a, due in texts.items()]
        tell(
            "SMTP faults",
            {a: (states[a], copies[a]) for a in SMTP} | {"texts late max": f"{max(late):.1f} s"},
        )
        assert {a: (states[a], copies[a]) for a in SMTP} == {a: (end, n) for a, (_, end, n) in SMTP.items()}
        assert all(states[a] == "sent" and copies[a] == 1 for a in copies if a not in SMTP)
        assert len(late) == 60
        assert max(late) <= LATEST / 2
