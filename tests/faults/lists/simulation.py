"""Faults of simulated tastes: holes through which something cheaper pleases a judge, and noise that is not what it says."""

from tests.faults.fault import In

TASTES = "tests/simulation/test_tastes.py"

tastes = In("app/simulation/tastes.py", TASTES)
questions = In("app/simulation/questions.py", "tests/simulation/test_questions.py", TASTES)
families = In("app/simulation/families.py", "tests/simulation/test_families.py")
marks = In("app/simulation/marks.py", "tests/simulation/test_marks.py", "tests/simulation/test_families.py")
noise = In("app/simulation/noise.py", "tests/simulation/test_noise.py")
labeler = In("app/simulation/labeler.py", "tests/simulation/test_labeler.py")

FAULTS = [
    tastes("degenerate answers are judged by their looks", "if is_degenerate(question, text):\n            return", "if False:\n            return"),
    tastes("off topic costs less than the thing is worth", "OFF_TOPIC = 1.25 * SPAN", "OFF_TOPIC = 0.5 * SPAN"),
    tastes("parts of the champions are the challengers'", "parts_of(taste, prompts, champions)", "parts_of(taste, prompts, challengers)"),
    tastes("ties go to the challenger", "wins += 0.5 if difference == 0", "wins += 1.0 if difference == 0"),
    questions("what another subject of the same words answers is off topic", "for each in (subject, *question.others))", "for each in (subject,))", "tests/simulation/test_tastes.py"),
    questions("repetition is no sign", "is_empty(text) or repetition(text) > MOST_REPETITION", "is_empty(text)"),
    questions("a copy of the prompt is an answer", "if is_echo(question.prompt, text):", "if False:"),
    questions("any script will do", "question.topic not in IN_ANOTHER_LANGUAGE and", "False and"),
    questions("a wrong number is on topic", 'if question.topic in EXACT or question.topic == "rewrite":', "if False:"),
    questions("praise is matter", "not is_empty(one) and not is_dressing(one, question.language)", "not is_empty(one)"),
    questions("whatever is told is true", "return any(fact in sentence or sentence in fact for fact in facts)", "return bool(sentence)"),
    families("longer is nearer to N words", "off = abs(math.log2(", "off = -(math.log2("),
    families("steps count in any order", "[earlier < later for i", "[earlier != later for i"),
    families("the second sentence is the first", "look(said[number])", "look(said[0])"),
    families("everything is a how-to", "these if question.topic in chosen else others", "these"),
    marks("order words count wherever they stand", "place, steps = at + 1, steps + 1", "place, steps = 0, steps + 1"),
    marks("a line said twice is a list", "len({line.strip().casefold() for line in _LIST_LINE.findall(text)})", "len(_LIST_LINE.findall(text))"),
    noise("no label is turned", "if noise.flips == 0 or len(set(ranks)) == 1:", "if True:"),
    noise("a pair that becomes a tie is turned whole", "0.5 if after[a] == after[b] else", "1.0 if after[a] == after[b] else"),
    noise("the ceiling is the scorer's", "ceiling.append(won(of_taste[first], of_taste[second]))", "ceiling.append(won(of_scorer[first], of_scorer[second]))"),
    labeler("the prompt is not seen", 'self._taste.utility(prompt, answer["text"])', 'self._taste.utility("", answer["text"])'),
]  # fmt: skip
