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

NAMES = "tests/web/test_browser_name.py"
names = In("app/web/browser_name.py", NAMES)
taking = In("app/services/labelers.py", NAMES)
label = In("app/web/label.py", NAMES)
handing = In("app/services/groups.py", NAMES)

FAULTS = [
    names("all browsers under one name", "name = sent or made_up_name()", 'name = sent or "local"'),
    names("the name is not kept", "if _is_page(headers) and not _names(headers):", "if False:"),
    names("the API leaves cookies", "if _is_page(headers) and not _names(headers):", "if True:"),
    names("the made-up name over the given one", "if _is_page(headers) and not _names(headers):", "if _is_page(headers):"),
    names("scripts may read the name", "; HttpOnly", ""),
    label("a card for who keeps no cookies", "same_origin(request.headers) and request.state.has_name and", "same_origin(request.headers) and"),
    taking("a given name carries rankings off", "if former is not None and old != new and _MADE_UP.fullmatch(old):", "if former is not None and old != new:"),
    taking("a person ranks as a program", "if known is not None and known.kind is LabelerKind.SIMULATED:", "if False:"),
    taking("rankings stay under the made-up name", "            former.name = new\n", "            pass\n"),
    handing("cards stay with the name that was left", "group.leased_to, group.lease_number = new.id, number", "pass"),
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
