"""Where the program and its data lie, and how its processes are started."""

from tests.faults.fault import In

start = In("app/processes/own_process.py", "tests/processes/test_own_process.py", "tests/lm/text/test_sandbox.py")
layout = In("app/layout.py", "tests/test_layout.py")
database = In("app/worker/dbos_database.py", "tests/worker/test_dbos_database.py")
sandboxed = In("app/lm/text/sandboxed.py", "tests/lm/text/test_sandbox.py")
supervisor = In("app/cli/supervisor.py", "tests/test_wheel.py::test_it_runs_far_from_the_repository")
process = In("app/worker/process.py", "tests/worker/test_process.py")
run = In("app/cli/run.py", "tests/test_wheel.py::test_it_runs_far_from_the_repository")

words = In("app/settings/words.py", "tests/settings/test_config.py")
config = In("app/settings/config.py", "tests/settings/test_config.py")

FAULTS = [
    config("a wrong token is shown", 'no spaces", secret=True)', 'no spaces")'),
    config("a token of spaces is none", ' or name == "token"', ""),
    supervisor(
        "the children of run are those of the current folder",
        'own_process.command("app", verb)',
        '[__import__("sys").executable, "-m", "app", verb]',
    ),
    process(
        "a job's process looks into the current folder",
        "own_process.command(",
        "(lambda name, *rest: [__import__('sys').executable, '-m', name, *rest])(",
    ),
    sandboxed("a stranger's part finds no library of the home", "if folder not in sys.path", "if folder in sys.path"),
    start("a stranger's part looks in the current folder", "if Path(entry).is_absolute()", "if entry is not None"),
    database(
        "an old SQLite knows no milliseconds",
        '        connection.create_function("unixepoch", 1, _unixepoch)\n',
        "        pass\n",
    ),
    database("milliseconds are cut off", "round(time.time(), 3)", "time.time() // 1"),
    start("children look for modules in the current folder", 'options = ["-P"]', "options: list[str] = []"),
    start("children take the first app on the path", "    load_package()\n    runpy", "    runpy"),
    start("an empty entry of PYTHONPATH is the current folder", "if entry]", "]"),
    start("PYTHONPATH is lost", '({"PYTHONPATH": os.pathsep.join(named)} if named else {})', "{}"),
    start("a child of -E reads PYTHONPATH", "if sys.flags.ignore_environment:", "if sys.flags.safe_path and False:"),
    start("a child of -s looks in the home", "if sys.flags.no_user_site:", "if not sys.flags.no_user_site:"),
    layout("a checkout keeps its data in the current folder", 'return checkout / "data"', 'return Path("data")'),
    layout("without a home there is a traceback", "except RuntimeError as error:", "except KeyError as error:"),
    run("run outlives the one that started it", "    follow_supervisor(stopping.set)\n", ""),
]
