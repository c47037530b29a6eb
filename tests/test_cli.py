"""The command line without a server: what is refused before anything happens, and help that cannot lie."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from harness.cli import main
from harness.cli.main import cli
from harness.config import SETTINGS, ImportConfig
from harness.flags import FLAGS, RESUMED, SECTIONS, flag_of
from harness.record.run import create_run

SECRET = "sk-l1ve-0123"


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run where nothing is, on a wide terminal, so that what they write there is seen and nothing wraps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")


def run(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a command."""
    with pytest.raises(SystemExit) as ended:
        main(args)
    out, err = capsys.readouterr()
    return int(str(ended.value.code)), out, err


URL = "https://api.example.com/orders"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--workers", "0"], "--workers must be at least 1, not 0"),
        (["--breaker", "-1"], "--breaker must be at least 0, not -1"),
        (["--max-failures", "0"], "--max-failures must be at least 1, not 0"),
        (["--max-failure-rate", "120%"], "--max-failure-rate: '120%' is more than 100%; write a share like 80% or 0.8"),
        (["--max-time", "0"], "--max-time must be more than 0, not 0"),
        (["--max-requests", "0"], "--max-requests must be at least 1, not 0"),
        (["--executor", "dask://a"], "--executor needs shards to hand out; add --shards, such as --shards 4"),
        (["--shards", "0"], "--shards must be at least 1, not 0"),
        (
            ["--until", "25:00"],
            "--until: '25:00' is neither a time of day nor a date and time; write it like 06:00, or",
        ),
        (
            ["--until", "2026-13-01"],
            "--until: '2026-13-01' is neither a time of day nor a date and time; write it like",
        ),
        (["--until", "2026W481"], "--until: '2026W481' is neither a time of day nor a date and time; write it like"),
        (["--until", "20261127"], "--until: '20261127' is neither a time of day nor a date and time; write it like"),
        (["--until", "2020-01-01T06:00"], "--until 2020-01-01T06:00 is in the past; give a time in the future"),
        (["--share", "all"], "--share: 'all' is not a share; write it like 80%"),
        (["--share", "80"], "--share: '80' is more than 100%; write a share like 80% or 0.8"),
        (["--share", "0"], "--share must be more than 0, not 0"),
        (["--cost", "item=x"], "--cost must be a whole number, not 'x'"),
        (["--cost", "item=600"], "--cost item=600 never fits the limit 500/20s; lower it or raise the limit"),
        (["--workers", "ten"], "--workers must be a whole number or 'auto', not 'ten'"),
        (["--items", "-1"], "--items must be at least 0, not -1"),
        (["--items", "5", "--url", URL], "--items belongs to the test API, which --url replaces; leave out one"),
        (["--server-limit", "5"], "--server-limit: '5' is not a limit; write limits like 500/20s+2000/100s"),
        (["--latency", "80"], "--latency: 80 has no unit; write 80ms, 80s or 80m"),
        (["--timeout", "2.5"], "--timeout: 2.5 has no unit; write 2.5ms, 2.5s or 2.5m"),
        (["--latency", "soon"], "--latency: 'soon' is not a duration; write it like 50ms, 20s, 5m, 2h or 1d"),
        (["--speed", "0.5"], "--speed must be at least 1, not 0.5"),
        (["--speed", "fast"], "--speed"),
        (["--speed", "10", "--until", "06:00"], "--until is a time by the wall clock, which --speed leaves"),
        (["--latency", "2h"], "--latency: 7200 s is not a latency; write one from 0 to 1h, such as 50ms"),
        (
            ["--latency", "lognorm:80ms"],
            "--latency: 'lognorm:80ms' is not a latency; write it like 50ms, uniform:20ms-",
        ),
        (["--latency", "uniform:80ms-20ms"], "--latency: 'uniform:80ms-20ms' is not a latency; write it like 50ms"),
        (["--scenario", "none.toml"], "--scenario: there is no file 'none.toml'; name a preset"),
        (["--limit", ""], "--limit: '' is not a limit; write limits like 500/20s+2000/100s"),
        (["--limit", "1/s", "--limit", "1/s"], "--limit: the limit '1/s+1/s' names the same limit twice; write each"),
        (
            ["--pacing", "fast"],
            "--pacing must be 'auto', 'window', 'spaced', 'reference', 'retry-after', 'backoff' or 'aimd', not 'fast'",
        ),
        (["--budget", "mine"], "--budget: 'mine' is no account; write embedded, none, or redis://host:6379"),
        (["--budget", f"redis://:{SECRET}@host"], "--budget: holds a password, which would be stored; export it"),
        (["--account", "a b"], "--account: 'a b' is not a name for an account"),
        (["--pacing", "window", "--url", URL], "--pacing window needs to know the limits; add --limit, such as"),
        (["--per-page", "0"], "--per-page must be at least 1, not 0"),
        (["--max-items", "0"], "--max-items must be at least 1, not 0"),
        (["--timeout", "0"], "--timeout must be more than 0, not 0"),
        (["--retry-delays", "30,,60"], "--retry-delays: '' is not a duration; write it like 50ms, 20s, 5m, 2h or 1d"),
        (["--rtt-floor", "2m"], "--rtt-floor must be at most 60, not 120"),
        (["--linger", "-1"], "--linger must be at least 0, not -1"),
        (["--preset", "gitub!"], "--preset: 'gitub!' is not a preset; name one such as github, or a file such as"),
        (["--preset", "./none.toml"], "--preset ./none.toml cannot be read (No such file or directory); name a TOML"),
        (["--plan", "free"], "--plan is a plan of a preset's API; add --preset, or give its limits with --limit"),
        (["--method", "PUT"], "--method must be 'GET' or 'POST', not 'PUT'"),
        (["--body", "{"], "--body: the body is not JSON (Expecting property name enclosed in double quotes: line 1"),
        (["--body", "[1]"], "--body: the body is not a JSON object; write it like '{\"limit\": 100}'"),
        (["--body", "{}"], "--body is sent with a POST, and the list is asked for by GET; add --method POST"),
        (["--param", "status"], "--param: 'status' is not a parameter; write it like status=open"),
        (["--param", f"api_key={SECRET}"], "--param holds what looks like a secret in api_key, which would be stored"),
        (["--records", ""], "--records: '' is not a path"),
        (["--id", "a", "--id", "a"], "--id: 'a' is given twice; leave one of the two out"),
        (["--paging", "pages"], "--paging must be 'page', 'offset', 'cursor', 'link', 'keyset' or 'single', not 'pag"),
        (["--page-param", "p", "--offset-param", "o"], "--offset-param pages by offset and --page-param by another "),
        (["--first-page", "2"], "--first-page must be at most 1, not 2"),
        (
            ["--paging", "page", "--cursor-param", "after"],
            "--cursor-param does not fit paging by page number (--paging",
        ),
        (["--next", "a", "--more", "a[", "--paging", "link"], "--more: 'a[' is not a path in JMESPath: "),
        (["--total", "meta.total"], "--total does not say how pages follow on each other; add --paging page, offset"),
        (["--pages", "n", "--last-id", "x"], "--last-id pages by last id and --pages by another way; leave one of "),
        (["--paging", "keyset", "--cursor-param", "after", "--absent-is-end"], "--absent-is-end says what it means th"),
        (["--size-param", "n", "--page-param", "n"], "--page-param and --size-param are both 'n'; they must differ"),
        (["--end", "abc"], "--end: 'abc' is not a status from 100 to 599; write one like 404"),
        (["--end", "429"], "--end: 429 never ends a list, since it tells of a failure; leave it out"),
        (["--split", "created_at"], "--split 'created_at' does not name the two parameters that take a range; write b"),
        (["--split", "a..b"], "--split says not where to cut; add START..END/PARTS, like 'created[gte]..created[lt]="),
        (["--split", "1..9/2"], "--split names no parameters that take the range; write it like 'created[gte]..creat"),
        (["--split", "a..b=1..9"], "--split 'a..b=1..9' is not FROM..TO=START..END/PARTS; write it like 'created["),
        (["--split", "a..b=9..1/2"], "--split ends at 1, which is not behind its start, 9; write the earlier one fir"),
        (["--split", "a..b=1..9/1"], "--split of 1 parts cannot be: write 2 to 100"),
        (["--split", "a..b=1..9/5"], "--split cuts 1 to 9 into 5 parts of less than 2 ids; take fewer parts"),
        (["--split", "a..b=1..9/2 as x"], "--split knows no form 'x'; write as date, iso, epoch, ms or id"),
        (["--split", "a..b=1..9/2"], "--split needs to know how pages follow on each other; add --next, --paging or"),
        (["--split", "a..b=1..9/2", "--paging", "page"], "--split is of no use where pages are numbered: they are re"),
        (["--split", "a..b=1..9/2", "--paging", "single"], "--split is of no use for a list of one page; leave it ou"),
        (["--item-records", "a["], "--item-records: 'a[' is not a path in JMESPath: "),
        (["--item", "https://api.example.com/x"], "--item names no item; add {id}, {url} or another field of the rec"),
        (
            ["--fail-when", "no"],
            "--fail-when: 'no' does not begin with a status from 200 to 599; write 420, or '400:ra",
        ),
        (["--auth", "basic"], "--auth basic needs the variable that holds the key; add --token-env API_TOKEN"),
        (
            ["--auth", SECRET],
            "--auth: write how the key is sent: bearer, basic, basic:USER, header:NAME, query:NAME or",
        ),
        (["--token-url", "https://x/token"], "--token-url needs --client-id-env too; add it, such as --client-id-env"),
        (
            ["--client-id-env", "A"],
            "--client-id-env needs --token-url too; add it, such as --token-url https://login.ex",
        ),
        (["--client-secret-env", SECRET], "--client-secret-env: give the name of an environment variable, such as AP"),
        (
            ["--scope", "x"],
            "--scope needs --token-url too; add it, such as --token-url https://login.example.com/oauth",
        ),
        (["--max-body", "big"], "--max-body: 'big' is not a size; write it like 500kB, 32MB or 1GB"),
        (["--max-body", "5"], "--max-body must be at least 1,000, not 5"),
        (["--max-pause", "-1"], "--max-pause must be at least 1, not -1"),
        (["--max-pause", "0"], "--max-pause must be at least 1, not 0"),
        (["--allow-host", "http://x/y"], "--allow-host: 'http://x/y' is not a host; write it like cdn.example.com, or"),
        (
            ["--refused-when", "abc"],
            "--refused-when: 'abc' does not begin with a status from 200 to 599; write 420, or",
        ),
        (["--header", SECRET], "--header is not 'Name: value' in ASCII; write it like 'Authorization: Bearer …'"),
        (["--header", f"X: {SECRET}ü"], "--header is not 'Name: value' in ASCII; write it like 'Authorization: Bear"),
        (["--token-env", SECRET], "--token-env: give the name of an environment variable, such as API_TOKEN, and not"),
        (["--token-env", SECRET.replace("-", "_")], "--token-env names a variable that is not set; export it first"),
        (["--results", "taken"], "--results taken is a file; name a folder"),
        (["--results", "taken/x"], "taken/x/r cannot be made (Not a directory); choose another folder with --results"),
        (["--results", ""], "--results: an empty path is not a folder; write it like results"),
        (
            ["--run", "a/b"],
            "--run: 'a/b' is not a name for a run; use letters, digits, dots, dashes and underscores, at",
        ),
        (["--fresh"], "--fresh and --resume need the run's name; add --run NAME"),
        (["--resume", "--fresh", "--run", "r"], "--fresh and --resume contradict each other; leave one out"),
        (["--resume", "--run", "r"], "there are no runs in results; start one with: python -m harness import"),
        (["--dry-run", "--resume", "--run", "r"], "--dry-run only makes a plan; leave out --fresh or --resume"),
        (["--seed", "-1"], "--seed must be at least 0, not -1"),
        (["--progress", "dots"], "--progress must be 'bar', 'plain' or 'none', not 'dots'"),
        (["--url", "api.example.com"], "--url is not a URL; write it like https://api.example.com/"),
        (["--url", f"https://u:{SECRET}@x/y"], "--url holds a user name or password, which would be stored; use"),
        (
            ["--url", f"{URL}?api_key={SECRET}"],
            "--url holds what looks like a secret in api_key=, which would be stored",
        ),
        (["--url", f"{URL}?api_key={{env:NO_SUCH}}"], "--url names the variable NO_SUCH, which is not set; export it"),
        (["--config", "nope.toml"], "--config nope.toml cannot be read (No such file or directory); name a TOML file"),
        (["--nonsense"], "No such option '--nonsense'"),
        (["--workers"], "Option '--workers' requires an argument; see python -m harness --help"),
        (["--header", "Authorization:", "Bearer", SECRET], "unexpected words; put quotes around"),
    ],
)
def test_bad_input_is_refused_before_anything_happens(
    args: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Exit 2, nothing on standard output, one sentence on standard error without any secret, and nothing written."""
    (tmp_path / "taken").touch()
    named = [] if "--run" in args or "--fresh" in args else ["--run", "r"]
    code, out, err = run(capsys, "import", *named, *args)
    assert (code, out) == (2, "")
    assert err.startswith(f"harness: {said}")
    assert err.count("\n") == 1
    assert SECRET not in err
    assert SECRET.replace("-", "_") not in err
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_help_fits_80_columns_and_cuts_no_sentence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five groups, a line for each command, none of them cut."""
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(capsys, "--help")
    assert [line for line in out.splitlines() if re.fullmatch(r"\w+:", line)] == [
        "Options:", "Run:", "Look:", "Decide:", "Know:", "Manage:",
    ]  # fmt: skip
    assert max(map(len, out.splitlines())) <= 80
    assert not [line for line in out.splitlines() if line.startswith("  ") and line.endswith("...")]


def test_every_setting_is_tried_above() -> None:
    """The table of bad input misses no flag that can be given a bad value."""
    (table,) = (m for m in test_bad_input_is_refused_before_anything_happens.pytestmark if m.name == "parametrize")  # type: ignore[attr-defined]
    tried = {arg for args, _ in table.args[1] for arg in args if arg.startswith("--")}
    switches = {"--sequential", "--accept-list", "--forget-limits", "--no-detail", "--quiet", "--json"}
    switches |= {"--same-host", "--timestamps", "--imported-at", "--until-quota"}
    assert {flag_of(name) for name in SETTINGS} - switches <= tried


@pytest.mark.parametrize("command", ["show", "resume"])
def test_a_run_that_is_not_there_is_bad_input(command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Exit 2 with the names that would do."""
    assert run(capsys, command)[2].startswith("harness: there are no runs in results; start one with: python -m")
    create_run(tmp_path / "results", "nightly-1", {}, 0.0)
    code, out, err = run(capsys, command, "x")
    assert (code, out) == (2, "")
    assert err == "harness: no run named 'x' in results; use one of: nightly-1\n"


def test_runs_and_show_look_where_the_environment_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HARNESS_IMPORT_RESULTS holds for every command that reads runs; a flag wins."""
    monkeypatch.setenv("HARNESS_IMPORT_RESULTS", "elsewhere")
    for command in ("show", "resume"):
        assert "there are no runs in elsewhere;" in run(capsys, command)[2]
        assert "there are no runs in here;" in run(capsys, command, "--results", "here")[2]


def test_secrets_are_asked_for_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A run started with a header cannot go on without it: exit 2 with the header's name."""
    config = ImportConfig(url=URL, header=f"X-Key: {SECRET}")
    create_run(tmp_path / "results", "r", {"config": config.as_written()}, 0.0)
    assert SECRET not in (tmp_path / "results" / "r" / "run.json").read_text()
    for args in (("resume",), ("import", "--run", "r", "--resume")):
        code, _, err = run(capsys, *args)
        assert code == 2
        assert err == ("harness: run r needs the headers X-Key, which are not stored; pass them again with --header\n")


def test_a_folder_that_is_no_run_is_never_removed(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """--fresh replaces a run of exactly that name; a folder of something else stays, also beside a run like it."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.md").touch()
    create_run(tmp_path, "thesis-2", {}, 0.0)
    code, _, err = run(capsys, "import", "--results", ".", "--run", "thesis", "--fresh", "--progress", "none")
    assert (code, err[:60]) == (2, "harness: thesis is not a run, so --fresh does not remove it; choose another"[:60])
    assert (tmp_path / "thesis" / "chapter.md").exists()


# --- help ---------------------------------------------------------------------------------------------------------


def test_help_groups_the_commands_by_what_people_want(capsys: pytest.CaptureFixture[str]) -> None:
    """Run and Look, each command in one of them, none missing."""
    code, out, err = run(capsys, "--help")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: python -m harness [OPTIONS] COMMAND [ARGS]...")
    sections = dict(re.findall(r"^(\w+):\n((?:  .+\n?)+)", out, re.MULTILINE))
    assert set(sections) >= {"Run", "Look"}
    names = {name: re.findall(r"^  (\w+)", text, re.MULTILINE) for name, text in sections.items() if name != "Options"}
    assert {"import", "resume"} <= set(names["Run"])
    assert {"runs", "show"} <= set(names["Look"])
    assert sorted(name for section in names.values() for name in section) == sorted(cli.commands)
    assert all(re.search(rf"^  {name} +\w.+", out, re.MULTILINE) for name in cli.commands)


def _flags(command: str, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Each flag with its help, in the order shown."""
    _, out, _ = run(capsys, command, "--help")
    out = re.sub(r"\n {10,}", " ", out)  # wrapped at 80 columns
    return dict(re.findall(r"^  (?:-\w, )?(--[a-z-]+)(?: [A-Z]+)?\s+(.+)$", out, re.MULTILINE))


def test_help_lists_every_setting_with_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """`import --help` has a line for each field of the config, with its description and its default."""
    flags = _flags("import", capsys)
    assert list(flags) == ["--config", *(flag_of(name) for name in SETTINGS), "--help"]
    for name, field in SETTINGS.items():
        said = field.description if FLAGS[name].said_in_python is None else FLAGS[name].help
        assert flags[flag_of(name)].startswith(said or "?")
    for flag, default in (
        ("--workers", "10"),
        ("--timeout", "30s"),
        ("--rtt-floor", "0s"),
        ("--retry-delays", "30,60,120,240"),
    ):
        assert flags[flag].endswith(f"[default {default}]")


@pytest.mark.parametrize("command", ["import", "resume", "simulate", "sweep", "recommend", "check"])
def test_help_groups_the_settings_and_says_when_anyone_would_touch_them(
    command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By section, in the order of the table; what is no setting of an import comes first, --help last."""
    monkeypatch.setenv("COLUMNS", "80")
    _, out, _ = run(capsys, command, "--help")
    assert max(map(len, out.splitlines())) <= 80
    titles = [line[:-1] for line in out.splitlines() if re.match(r"[A-Z].*:$", line)]
    known = [f"{section.title} ({section.when})" for section in SECTIONS]
    assert [title for title in ("Options", *known, "Help") if title in titles] == titles
    assert out.rstrip().endswith("Show this message and exit.")
    if command == "import":
        assert titles == ["Options", *known, "Help"]


def test_help_names_what_a_flag_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """A share, a size, a time, a number, a folder: also where the flag may be left unset."""
    _, out, _ = run(capsys, "import", "--help")
    taken = dict(re.findall(r"^  (--[a-z-]+) ([A-Z]+) ", out, re.MULTILINE))
    for flag, word in {
        "--share": "SHARE", "--max-failure-rate": "SHARE", "--max-body": "SIZE", "--max-time": "TIME",
        "--linger": "TIME", "--until": "TIME", "--timeout": "TIME", "--items": "N", "--results": "FOLDER",
        "--url": "TEXT",
    }.items():  # fmt: skip
        assert taken[flag] == word


def test_resume_takes_what_may_change(capsys: pytest.CaptureFixture[str]) -> None:
    """What a run is stays as it was; how it goes on may be said anew."""
    assert list(_flags("resume", capsys)) == [*(flag_of(name) for name in RESUMED), "--help"]


def test_no_command_is_help_and_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m harness` alone shows what there is, and is not a success."""
    code, out, err = run(capsys)
    assert code == 2
    assert "Commands" in out + err or "Run:" in out + err
    assert "Traceback" not in out + err


def test_every_switch_is_off_unless_given() -> None:
    """A switch that is not typed is not given, so that TOML and the environment can still say it."""
    command = cli.commands["import"]
    context = command.make_context("import", [])
    flags = {p.name: context.params[p.name] for p in command.params if isinstance(p, click.Option) and p.is_flag}
    assert {name: value for name, value in flags.items() if name != "help"} == dict.fromkeys(
        [
            *("same_host", "absent_is_end", "timestamps", "imported_at", "until_quota"),
            *("sequential", "detail", "accept_list", "forget_limits", "fresh", "resume", "dry_run", "quiet", "as_json"),
        ]
    )
    for flag, value in (("--no-detail", False), ("--detail", True)):
        assert command.make_context("import", [flag]).params["detail"] is value
