"""One session of a run, put together: budget, core, recorder, and the driver on a given API."""

from __future__ import annotations

import logging
import math
import socket
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, cast

import trio

from harness.account.account import Account
from harness.bound import Bound, Paging, bound
from harness.config import ImportConfig
from harness.core.answers import Done
from harness.core.budgets import Budgets, charge, each
from harness.core.choosing import Chooser
from harness.core.core import Core
from harness.core.eta import eta_s
from harness.errors import RecordError
from harness.pacing import AutoPacer, Quota, Tiers, TierStatistics, format_tiers
from harness.pacing.disagreement import disagreement
from harness.pacing.routes import LearningRoutePacer, several
from harness.pacing.sharing import SharingPacer
from harness.pacing.tiers import EVERY_ROUTE, by_route, scaled
from harness.record.clock import Boot, boot, utc_s
from harness.record.control import Inbox
from harness.record.events import Event, Held, ItemId, ItemListed, Learned, Role
from harness.record.history import Occupied, occupied_since, payloads_on_disk, recorded, sessions_begun
from harness.record.limits import remember, remembered as remembered_of
from harness.record.live import MOST_FLIGHTS, Live, LiveFlight, LiveTier
from harness.record.recorder import MOST_UNWRITTEN, Recorder
from harness.record.run import Run
from harness.record.sent import SentCounter, session_starts
from harness.record.state import State
from harness.session.control import ControlServer
from harness.session.driver import Driver, Flusher
from harness.session.factory import USUAL_WINDOW_S, budgets_for, credentials_of, make_core, neighbour, told
from harness.session.optimality import best_possible, limits_of, limits_source
from harness.session.plans import least_pages, work_of
from harness.session.retry_failed import forget_failed, retry_failed
from harness.source.assuming import Assumed
from harness.source.base import Api
from harness.source.page_sizes import Sized
from harness.speed import by_the_wall
from harness.units import format_period

OnUpdate = Callable[[State, Live], None]

_log = logging.getLogger("harness")


class Session:
    """A session that can be watched (`live`, `state`) and steered while `run` runs. Make it with the run locked."""

    def __init__(
        self,
        run: Run,
        config: ImportConfig,
        *,
        inline: bool = False,
        wall: Callable[[], float] = utc_s,
        machine: Callable[[], Boot] = boot,
        relist: bool = False,
        account: Account | None = None,
        remembered: Tiers | None = None,
    ) -> None:
        self.run_folder = run
        self.account = account
        self.config = config
        # Told each event as it is recorded; it must neither raise nor take long.
        self.on_event: Callable[[Event], object] | None = None
        # Told in a line what is assumed of an API that was not declared.
        self.on_assumed: Callable[[str], object] | None = None
        self._wall = wall
        self._machine = machine
        self._started_utc_s = wall()
        state = run.state()
        earlier = sessions_begun(run.folder)
        began = [*earlier, self._started_utc_s]
        number = len(began)
        self._sent = SentCounter(run.folder)
        starts = session_starts(run.about, earlier, self._sent, machine())
        self._started_s = starts[-1]  # by the run's own clock
        noted = {"sessions_utc_s": began, "sessions_run_s": starts, "recorded": recorded(run.folder)}
        if account is not None:
            noted["accounts"] = [*_accounts(run, len(earlier)), [account.store_id, account.holder.id]]
        run.note(**noted, in_force=config.as_written(), status="running", settled=False)
        if remembered is None:
            who = None if config.pacing.forget_limits else config.source.learned_for
            remembered = remembered_of(config.run.results, who)
        budgets = budgets_for(config, remembered, account)
        charged = self._charge(budgets, state, starts, began)
        if account is None:
            self._look_around(budgets)
        else:
            self._charge_shared(account, budgets)
            account.on_other, account.on_lost = self._shared, self._lost
        self.recorder = Recorder(run.folder, run.name, number)
        payloads = payloads_on_disk(run.folder, state) if number > 1 else None
        self.core = self._make_core(budgets, state, payloads)
        self.flusher = Flusher(self.recorder, lambda: self.core.state, inline=inline)
        self.control_server = ControlServer(Inbox(run.folder, number), self, inline=inline)
        self.driver: Driver | None = None
        self.url = config.source.url  # of the list, once it is known
        self._blind = False
        self._taken = False  # the rest from the list
        self.core.start(socket.gethostname(), number, charged, relist)

    def _make_core(self, budgets: Budgets, state: State, payloads: set[ItemId] | None) -> Core:
        return make_core(self.config, budgets, self._record, self._started_utc_s, state, payloads)

    def _charge(
        self, budgets: Budgets, state: State, starts_s: list[float], starts_utc_s: list[float]
    ) -> tuple[int, float] | None:
        """Charge what earlier sessions sent and may still count: as recorded, and what the record never got.

        All by the run's own clock: the wall clock may have been set since, and then a limit would be exceeded, or kept
        for an hour. Where it is not certain how much time has passed the least is taken, and nothing is in the future.

        Answers the latter, as (requests, counted by then in UTC), to be recorded: until it is on disk the counter of
        requests begun stays ahead of the record, and a session that follows on this one's death charges it too.
        """
        # Two windows: a sliding counter still weighs the one before.
        tiers = [tier for budget in each(budgets) for tier in budget.pacer.statistics(0.0).tiers]
        longest_s = max((max(tier.span_s, 2 * tier.tier.period_s) for tier in tiers), default=0.0)
        now, linger_s = self._started_s, self.config.linger_s
        # Each is charged what the dearer kind costs: of some, nobody knows which they were.
        dearest = max(self.config.pacing.list_cost, self.config.pacing.item_cost, self.config.pacing.batch_cost)
        clocks = (dict(enumerate(starts_s, 1)), dict(enumerate(starts_utc_s, 1)))
        # What the account knows is not charged twice. After a power cut it may know less than was recorded.
        certain = self._sent.last_boot.id == self._machine().id
        told = () if self.account is None or not certain else _told_to(self.run_folder, self.account.store_id)
        found = occupied_since(self.run_folder.folder, clocks[0], now - longest_s, linger_s, clocks[1], told)
        charges = [(one, dearest) for one in found]
        unrecorded = min(MOST_UNWRITTEN + self.config.pacing.most_workers, self._sent.count - state.fetches)
        charged = None
        if unrecorded > 0:
            # They were sent by then at the latest; where even that is not known, they were sent just now.
            at = linger_s + (now if self._sent.last_s is None else min(now, self._sent.last_s))
            if len(starts_s) - 1 not in told:
                charges.append((Occupied(at, None, None), unrecorded * dearest))
            charged = (unrecorded, self._started_utc_s + at - now)
        elif unrecorded < 0:  # a power cut took the counter back
            self._sent.set(state.fetches)
        if charges and tiers and not certain:
            why = "this machine was restarted since, or is another one"
            held = format_period(math.ceil(max(tier.span_s for tier in tiers)))
            _log.warning(
                "it is uncertain when the last requests were sent (%s): the first wait may take up to %s", why, held
            )
        for one, cost in sorted(charges, key=lambda charge: charge[0].at_s):
            if one.at_s > now - longest_s:
                charge(budgets, min(one.at_s - now, linger_s), cost, one.role, one.credential)
        return charged

    def _charge_shared(self, account: Account, budgets: Budgets) -> None:
        """Charge what all runs on the account had sent when this one joined, and say that there is some."""
        longest_s = max((tier.period_s for budget in each(budgets) for tier in budget.tiers(0.0)), default=0.0)
        units = 0
        for credential in account.keys:
            for one in account.counted(credential):
                charge(budgets, min(-one.age_s, self.config.linger_s), one.cost, _role(one.route), credential)
                units += one.cost if one.age_s < longest_s else 0
        if units:
            what = f"{units:,} request{'s' if units > 1 else ''} sent to this host with this key before"
            _log.warning("%s still count%s; this run keeps to the rest", what, "" if units > 1 else "s")

    def _look_around(self, budgets: Budgets) -> None:
        """Say in a line that another run has just used this host and key, or does so now: its requests count, too."""
        tiers = [tier for budget in each(budgets) for tier in budget.pacer.statistics(0.0).tiers]
        longest_s = max((tier.span_s for tier in tiers), default=USUAL_WINDOW_S)
        found = neighbour(self.config, self.run_folder.name, longest_s, self._machine())
        if found is not None:
            _log.warning("%s", told(found, longest_s))

    def _record(self, event: Event) -> None:
        if isinstance(event, Held) and (event.retry_after_s or 0.0) > self.config.pacing.max_pause:
            asked, kept = format_period(round(event.retry_after_s or 0.0)), format_period(self.config.pacing.max_pause)
            _log.warning("the server asks for a pause of %s; asking again in %s (--max-pause)", asked, kept)
        if isinstance(event, Learned) and event.counting == "key":
            _log.warning("%s", event.evidence)
        if isinstance(event, ItemListed) and self.core.chooser.phase == "list" and not self._taken:
            self._taken = True
            _log.warning("%s", _taken_because(self.core.chooser))
            with suppress(RecordError):
                self.run_folder.note(decided={**self.run_folder.about.get("decided", {}), "detail": False})
        self.recorder.record(event)
        self.flusher.recorded()
        if self.on_event is not None:
            self.on_event(event)

    def _put(self, item: ItemId, payload: str) -> None:
        self.recorder.put(item, payload)

    @property
    def state(self) -> State:
        return self.core.state

    async def run(self, api: Api, on_update: OnUpdate | None = None, update_s: float = 0.25) -> Done:
        """Import until done or stopped; what was recorded is on disk when this returns or raises."""
        self.driver = Driver(self.core, api, self._put, self.flusher.behind, self._sending)
        if hasattr(api, "offers_records"):
            api.offers_records = self.core.chooser.is_open or not self.core.rules.detail
        else:
            self.core.chooser.give_up()  # its pages hold no records to compare with
        try:
            if self.account is not None:
                await self.account.begin(self.now, self._wake)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.flusher.run)
                nursery.start_soon(self.control_server.run)
                if self.account is not None:
                    nursery.start_soon(self.account.run, self.now, self._wake)
                for task in self.tasks():
                    nursery.start_soon(task)
                if on_update is not None:
                    nursery.start_soon(self._update, on_update, update_s)
                done = await self.driver.run()
                nursery.cancel_scope.cancel()
            if on_update is not None:
                self._show(on_update)
        finally:
            self.control_server.close()
            try:
                await self.flusher.flush(snapshot=True)
                await self._remember()
            finally:
                self._sent.close()
                if self.account is not None:
                    await self.account.leave(self.now)
        return done

    def tasks(self) -> Sequence[Callable[[], Awaitable[object]]]:
        """Return what else is to run beside the import, until that ends: nothing, but where several share the work."""
        return ()

    def assumed(self, assumed: Assumed) -> None:
        """Keep what page 1 made believe of the API, and say it: a run goes by it to its end, also when resumed."""
        with suppress(RecordError):  # the run ends by itself where the disk is full
            self.run_folder.note(assumed=assumed.as_noted())
        if self.on_assumed is not None:
            self.on_assumed(assumed.line)

    def heard(self, quotas: tuple[Quota, ...]) -> None:
        """Say where headers name another limit than is declared, and keep that with the run."""
        why = disagreement(self.config.limits, quotas)
        if why is not None:
            _log.warning("%s", why)
            with suppress(RecordError):
                self.run_folder.note(limits_in_doubt=why)

    def sized(self, sized: Sized) -> None:
        """Keep how many records a page is asked for: numbers of pages mean nothing with another size."""
        with suppress(RecordError):
            self.run_folder.note(page_size=sized.as_noted())

    def _shared(self, name: str) -> None:
        """Keep with the run who used the same limits at the same time."""
        with suppress(RecordError):
            self.run_folder.note(shared_with=list(dict.fromkeys((*self.run_folder.shared_with, name))))

    def _lost(self) -> None:
        """Note that the account does not know all that this session sends."""
        with suppress(RecordError):
            *before, (_, holder) = self.run_folder.about["accounts"]
            self.run_folder.note(accounts=[*before, ["", holder]])

    def _sending(self) -> None:
        self._sent.add(self._started_s + self.now(), self._machine())

    async def _remember(self) -> None:
        """Keep what was learned for the next run against the same host."""
        who = self.config.source.learned_for
        pacers = [budget.pacer for budget in each(self.core.budgets)]
        learners = [pacer for pacer in pacers if isinstance(pacer, (AutoPacer, SharingPacer, LearningRoutePacer))]
        found = by_route(dict.fromkeys(tier for pacer in learners for tier in pacer.learned()))
        if who is None or not found:
            return
        if self.account is None:
            remember(self.config.run.results, who, found, self._wall())
        else:
            await self.account.learn(format_tiers(found))

    async def _update(self, on_update: OnUpdate, update_s: float) -> None:
        while True:
            self._show(on_update)
            await trio.sleep(by_the_wall(update_s))

    def _show(self, on_update: OnUpdate) -> None:
        """Show this moment. A view may fail without stopping a run: then it is said once and shown no more."""
        if self._blind:
            return
        try:
            on_update(self.state, self.live())
        except Exception as error:
            self._blind = True
            _log.warning("the view of run %s failed (%r); the import continues without it", self.run_folder.name, error)

    # --- watching and steering ----------------------------------------------------------------------------------

    def now(self) -> float:
        """Return the seconds since the session began; 0 before it did."""
        return 0.0 if self.driver is None else self.driver.now()

    def live(self) -> Live:
        """Return what is known of this moment."""
        now, core = self.now(), self.core
        doing = core.doing
        retry_at, last_at = core.work.retry_at, core.work.last_retry_at
        return Live(
            t_s=now,
            now_utc_s=self._started_utc_s + now,
            workers=core.desired.workers,
            in_flight=len(core.in_flight),
            doing=core.doing_now,
            until_utc_s=None if doing is None or doing.until is None else self._started_utc_s + doing.until,
            tier=None if doing is None else doing.tier,
            quota_until_utc_s=None if core.quota_until is None else self._started_utc_s + core.quota_until,
            tiers=tuple(_live_tier(tier, now, self.config) for tier in core.tier_statistics(now)),
            eta_s=eta_s(core, now),
            retrying=core.work.retries,
            next_retry_utc_s=None if retry_at is None else self._started_utc_s + retry_at,
            last_retry_utc_s=None if last_at is None else self._started_utc_s + last_at,
            best_s=self._best_of_all_s(),
            flights=tuple(
                LiveFlight(flight.fetch.role, flight.fetch.key, flight.fetch.attempt, now - flight.fetch.sent_s)
                for flight in islice(core.in_flight.values(), MOST_FLIGHTS)
            ),
            others=() if self.account is None else tuple(other.name for other in self.account.others),
        )

    def _best_of_all_s(self) -> float | None:
        """Return the least time for all that the list promises, once it has said so. Learned limits are an estimate:
        None.
        """
        state, limits = self.state, limits_of(self.state, self.config)
        if (
            limits_source(state, self.config) == "learned"
            or state.total is None
            or not limits
            or state.least_latency_s is None
        ):
            return None
        pages = least_pages(self.config, state.last_page or max(1, len(state.pages)), state.total)
        paging: Paging = "numbered" if state.last_page is not None else "cursor"
        # To the millisecond, so that a slightly quicker answer is not a new question.
        rtt_s = round(state.least_latency_s, 3)
        return bound(
            work_of(self.config, pages, state.total, paging, detail=False if state.from_list else None),
            several(limits, len(credentials_of(self.config))),
            rtt_s,
            1,
        ).bound_s

    def pause(self) -> None:
        """Send nothing new until `resume`."""
        self.core.pause(self.now())

    def resume(self) -> None:
        self.core.resume(self.now())
        self._wake()

    def stop(self, reason: str = "stopped") -> None:
        """Finish what is in flight, then end; a second call ends at once."""
        if self.core.desired.stopping is not None and self.driver is not None:
            self.driver.cut_off(reason)
        self.core.stop(self.now(), reason)
        self._wake()

    def set_workers(self, workers: int) -> None:
        self.core.set_workers(workers, self.now())
        self._keep(workers=workers)
        self._wake()

    def set_limits(self, tiers: Tiers) -> None:
        """Keep to these from here on, as far as --share uses them."""
        self.core.set_limits(scaled(tiers, self.config.pacing.share), self.now())
        self._keep(limit=format_tiers(tiers))
        self._wake()

    def _keep(self, **asked: Any) -> None:
        """Record the new setting in run.json, so that `resume` uses it: as it was asked for, before --share."""
        if self.state.status.is_open:
            with suppress(RecordError):  # it holds now all the same; that the disk is full is said elsewhere
                self.run_folder.note(asked={**self.run_folder.about.get("asked", {}), **asked})

    def retry_failed(self, items: Collection[ItemId] | None = None) -> int:
        """Try again what failed for good, all of it or these items; answers how much that is."""
        count = retry_failed(self.core, self.now(), items)
        self._wake()
        return count

    def forget_failed(self, items: Collection[ItemId] | None = None) -> int:
        """Give failed items up, all of them or these; answers how many."""
        return forget_failed(self.core, self.now(), items)

    def _wake(self) -> None:
        if self.driver is not None:
            self.driver.wake()

    def bound(self) -> Bound | None:
        """Return the least time for the requests that succeeded and were needed; None where no limit is known."""
        return best_possible(self.state, self.config)


def _accounts(run: Run, sessions: int) -> list[list[str]]:
    """Return (store, holder) of each earlier session, ["", ""] of one that had no account."""
    said = run.about.get("accounts", [])
    known = [one for one in said if isinstance(one, list) and len(one) == 2] if isinstance(said, list) else []
    return [*known, *([["", ""]] * sessions)][:sessions]


def _told_to(run: Run, store_id: str) -> tuple[int, ...]:
    """Return the numbers of the sessions of the run that took part in that store from beginning to end."""
    return tuple(number for number, one in enumerate(run.about.get("accounts", []), 1) if one[0] == store_id)


def _role(route: str) -> Role | None:
    return None if route == EVERY_ROUTE else cast(Role, route)


def _taken_because(chooser: Chooser) -> str:
    if chooser.itemless:
        return "the list came as a file, so items are taken from it; --item says where items are, if they hold more"
    if not chooser.not_there:
        return "the list holds all of each item, so items are taken from it; --detail fetches each by itself"
    return (
        f"no item is at the list's URL with its id ({chooser.not_there}), so the list's records are the items; "
        "--item says where items are, if they hold more"
    )


def _live_tier(tier: TierStatistics, now: float, config: ImportConfig) -> LiveTier:
    opens_in_s = None if tier.left or tier.opens_at is None else max(0.0, tier.opens_at - now)
    source = "declared" if tier.tier in config.limits else "learned"
    return LiveTier(str(tier.tier), tier.tier.depth, tier.used, tier.left, opens_in_s, source)
