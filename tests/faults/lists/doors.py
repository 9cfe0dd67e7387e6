"""Settings, paths, addresses, and who is let in."""

from tests.faults.fault import In

CONFIG = "tests/test_config.py"
PATHS = "tests/test_paths.py"
LISTENING = "tests/test_listening.py"

config = In("app/config.py", CONFIG)
words = In("app/setting_words.py", CONFIG)
urls = In("app/database_url.py", CONFIG)
paths = In("app/paths.py", PATHS)
install = In("app/installation.py", PATHS)
listening = In("app/listening.py", LISTENING)

FAULTS = [
    config("a lease without an end", "1_800.0, ge=1, le=YEAR_SECONDS", "1_800.0, ge=1"),
    config("an empty value is a value", "env_ignore_empty=True", "env_ignore_empty=False"),
    config("levels of the log only in small letters", "value.strip().lower() if", "value.strip() if"),
    config("any address of a database taken", "return None if text is None else usable_database_url(text)", "return text"),
    words("the password told", "str(own) if name in SECRET else", "str(own) if False else"),
    words("names that no setting has are not told", "if name.upper() in known | OTHER_NAMES:", "if True:"),
    urls("a database in memory taken", ' or url.database == ":memory:"', ""),
    urls("the path written into the address as it is", 'return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)', 'return f"sqlite:///{path}"', PATHS),
    paths("a folder called ~", "Path(text).expanduser()", "Path(text)"),
    paths("names that are no UTF-8", "        text.encode()\n", "        text.encode(errors=\"surrogateescape\")\n"),
    install("a path that is too long for SQLite", "len(os.fsencode(file)) > SQLITE_PATH_BYTES:", "False:"),
    listening("an address of another machine is a taken port", "if error.errno == errno.EADDRNOTAVAIL:", "if False:"),
    listening("a name without an address is a trace", "except (socket.gaierror, UnicodeError) as error", "except UnicodeError as error"),
]  # fmt: skip
