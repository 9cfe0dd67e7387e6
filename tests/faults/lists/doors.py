"""Settings, paths, addresses, and who is let in."""

from tests.faults.fault import In

CONFIG = "tests/settings/test_config.py"
PATHS = "tests/settings/test_paths.py"
LISTENING = "tests/http/test_listening.py"

config = In("app/settings/config.py", CONFIG)
words = In("app/settings/words.py", CONFIG)
urls = In("app/settings/database_url.py", CONFIG)
paths = In("app/settings/paths.py", PATHS)
install = In("app/installation.py", PATHS)
listening = In("app/http/listening.py", LISTENING)

NAMES = "tests/web/test_browser_name.py"
names = In("app/web/browser_name.py", NAMES)
taking = In("app/services/labeling/labelers.py", NAMES)
label = In("app/web/label.py", NAMES)
handing = In("app/services/labeling/groups.py", NAMES)

ADMISSION, CORS = "tests/web/test_access.py", "tests/web/test_cors.py"
admission = In("app/web/access.py", ADMISSION)
sign_in = In("app/web/sign_in.py", ADMISSION)
guesses = In("app/web/guesses.py", "tests/web/test_guesses.py", ADMISSION)
cors = In("app/web/cors.py", CORS)
security = In("app/web/security.py", CORS)
origins = In("app/formats/origins.py", "tests/formats/test_origins.py")
health = In("app/api/health.py", ADMISSION)
described = In("app/api/description.py", ADMISSION)

invalid_values = In("app/formats/invalid_values.py", "tests/formats/test_invalid_values.py")
expected = In("app/http/expected.py", "tests/http/test_expected.py")
known_query = In("app/api/known_query.py", "tests/api/test_known_query.py")
FAULTS = [
    invalid_values("pydantic's words are told", "    if kind in OF_PYDANTIC - {*LENGTHS}:\n", "    if False:\n"),
    invalid_values("direction marks go through", '"Cc", "Cf", ', '"Cc", '),
    invalid_values("what was given is told without end", "text[:SHOWN_CHARACTERS]", "text"),
    invalid_values("only the passed end is told", "    noun, wanted = EXPECTED[kind], dict(schema)\n", "    noun, wanted = EXPECTED[kind], dict[str, Any]()\n"),
    invalid_values("a bound that is taken is called one that is not", '"gt": "exclusiveMinimum", "ge": "minimum"', '"ge": "exclusiveMinimum", "gt": "minimum"'),
    expected("bounds of parameters are not known", "if name == place[0]:", "if False:"),
    expected("bounds of fields are not known", "    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation\n", "    return field.annotation\n"),
    known_query("parameters of dependencies are not known", "        yield from _taken(part)\n", "        yield from ()\n"),
    known_query("of one that comes twice the last is taken", "given.count(name) > 1 and not taken[name]", "False"),
    known_query("a list has one value", "in (tuple, list)", "in ()"),
    known_query("what is unknown is ignored", "    if unknown:\n", "    if False:\n"),
    admission("everything under /api is open", 'scope["path"].startswith("/static/")', 'scope["path"].startswith(("/static/", "/api/"))'),
    admission("the beginning of the token is enough", "hmac.compare_digest(presented.encode(errors=\"replace\"), self._token)", "self._token.startswith(presented.encode(errors=\"replace\"))"),
    admission("the cookie outlives the token", 'hashlib.scrypt(self._token, salt', 'hashlib.scrypt(b"", salt'),
    admission("sessions do not end", 'return int(said.partition(".")[0]) > self._clock()', "return True"),
    admission("any signature", 'if not hmac.compare_digest(signature.encode(errors="replace"), self._signature(said).encode()):', "if not said:"),
    admission("a cookie opens the API to pages elsewhere", "_keeps_cookies(request) and ", "", CORS),
    admission("a link from elsewhere finds one signed out", "same_origin(request.headers) or is_navigation(request.headers)", "same_origin(request.headers)"),
    security("scripts may read the session", "; HttpOnly", "", ADMISSION),
    admission("bearer tokens may be guessed as fast as they come", "    if wait:\n        return too_many_guesses(wait)\n", ""),
    admission("an hx request is led away from what was typed", 'if problem is SIGNED_OUT and "hx-request" not in request.headers and', "if problem is SIGNED_OUT and"),
    sign_in("sent on to another site", ' and not address.startswith("//")', ""),
    sign_in("sent on to another site by a backslash", ' and "\\\\" not in address', ""),
    sign_in("tokens may be guessed on the page", "    if wait:\n", "    if False:\n"),
    guesses("the same wrong token again counts", "if bucket is not None and bucket.last == digest:", "if False:"),
    guesses("a network of IPv6 is many", "if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:", "if False:"),
    guesses("memory without an end", "if len(self._buckets) > MAX_ADDRESSES:", "if False:"),
    cors("pages elsewhere may call all addresses", "path.startswith(API_PREFIXES) and ", ""),
    security("no page elsewhere may call the API", " or may_call(path, headers, self._origins)", ""),
    origins("any page", 'if text in {"*", "null"}:', 'if text == "null":'),
    health("strangers read the reasons", "return readiness if request.state.authorized else readiness.outline()", "return readiness"),
    described("401 is not described", "EVERYWHERE = {401, 403", "EVERYWHERE = {403"),
    listening("open to the network without a word", "if not is_loopback(resolved(reached_at, settings.port)):", "if False:"),
    listening("in a container by its own address", "settings.published_host or settings.host", "settings.host"),
    names("all browsers under one name", "name = sent or made_up_name()", 'name = sent or "local"'),
    names("the name is not kept", "if _is_page(headers) and not _names(headers):", "if False:"),
    names("the API leaves cookies", "if _is_page(headers) and not _names(headers):", "if True:"),
    names("the made-up name over the given one", "if _is_page(headers) and not _names(headers):", "if _is_page(headers):"),
    security("scripts may read the name", "; HttpOnly", "", "tests/web/test_browser_name.py"),
    label("a card for who keeps no cookies", "    if not request.state.has_name:\n", "    if False:\n"),
    taking("a given name carries rankings off", "if former is not None and old != new and _MADE_UP.fullmatch(old):", "if former is not None and old != new:"),
    taking("a person ranks as a program", "if known is not None and known.kind is LabelerKind.SIMULATED:", "if False:"),
    taking("rankings stay under the made-up name", "            former.name = new\n", "            pass\n"),
    handing("cards stay with the name that was left", "group.leased_to, group.lease_number = new.id, number", "pass"),
    config("a lease without an end", "1_800.0, ge=1, le=YEAR_SECONDS", "1_800.0, ge=1"),
    config("an empty value is a value", "env_ignore_empty=True", "env_ignore_empty=False"),
    config("levels of the log only in small letters", "value.strip().lower() if", "value.strip() if"),
    config("any address of a database taken", "return None if text is None else usable_database_url(text)", "return text"),
    words("the password told", "str(own) if is_secret(field) else", "str(own) if False else"),
    words("names that no setting has are not told", "if name.upper() in known | OTHER_NAMES:", "if True:"),
    urls("a database in memory taken", ' or url.database == ":memory:"', ""),
    urls("the path written into the address as it is", 'return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)', 'return f"sqlite:///{path}"', PATHS),
    paths("a folder called ~", "Path(text).expanduser()", "Path(text)"),
    paths("names that are no UTF-8", "        text.encode()\n", "        text.encode(errors=\"surrogateescape\")\n"),
    install("a path that is too long for SQLite", "len(os.fsencode(file)) > SQLITE_PATH_BYTES:", "False:"),
    listening("an address of another machine is a taken port", "if error.errno == errno.EADDRNOTAVAIL:", "if False:"),
    listening("a name without an address is a trace", "except (socket.gaierror, UnicodeError) as error", "except UnicodeError as error"),
]  # fmt: skip
