"""Wordings of what people ask first, in both languages: so many of a category, sums as they are typed. Plain data.

{n} is a number of members, in digits or a word, {x} the category; {o} one of its members, {l} a letter.
"""

from app.corpus.phrases.prompts_en import Table

EVERYDAY_EN: Table = {
    "some": (
        "What are some {x}?", "Name {x}.", "List {x}.", "Some {x}, please.",
        "Give me some {x}.", "Tell me a few {x}.",
        "Do you know any {x}?", "Can you list {x}?", "Say some {x}.", "What {x} are there?", "What {x} do you know?",
        "Examples of {x}?", "A few {x}?", "I want to hear some {x}.", "Write down some {x}.", "Show me some {x}.",
        "Could you give me a list of {x}?", "A list of {x}, please.", "Make a list of {x}.", "Any {x}?",
        "Which {x} can you name?", "Help me think of some {x}.", "Tell me the names of some {x}.", "Common {x}?",
    ),
    "counted": (
        "Name {n} {x}.", "Name {n} {x}.", "Name {n} {x}.", "List {n} {x}.", "Give me {n} {x}.", "Tell me {n} {x}.",
        "Say {n} {x}.", "{n} {x}", "{n} {x}, please.", "{n} {x} please", "Can you name {n} {x}?", "Write {n} {x}.",
        "Could you list {n} {x}?", "What are {n} {x}?", "I need {n} {x}.", "Please name {n} {x}.", "Show me {n} {x}.",
        "Give me the names of {n} {x}.", "Give {n} examples of {x}.", "Please give me {n} {x}.", "Name any {n} {x}.",
        "Think of {n} {x}.", "Write down {n} {x}.", "Do you know {n} {x}?", "A list of {n} {x}", "Quick, {n} {x}!",
        "Can you give me {n} {x}?", "Can you tell me {n} {x}?",
        "I want {n} {x}.", "Mention {n} {x}.", "Only {n} {x}.",
        "List {n} different {x}.", "Name {n} common {x}.", "Name me {n} {x}.", "For school: name {n} {x}.",
    ),
    "one": ("Name one {x}.", "Name a {x}.", "Tell me a {x}.", "Give me one {x}.", "One {x}, please.", "Say a {x}.",
            "Can you name a {x}?", "Which {x} do you know?", "Just one {x}.", "Give me the name of a {x}."),
    "starting": ("Name {x} that begin with {l}.", "Name some {x} that start with {l}.", "{X} beginning with {l}?",
               "Which {x} start with the letter {l}?", "Do you know {x} with {l}?", "Give me {x} starting with {l}."),
    "plus_typed": ("{x}+{y}", "{x} + {y}", "{x}+{y}=", "{x}+{y}=?", "{x} plus {y}", "What's {x}+{y}?", "{x} and {y}?",
                   "What is {x}+{y}?", "whats {x} + {y}", "How much is {x} and {y}?", "Solve {x} + {y}.",
                   "What do you get if you add {x} and {y}?", "What's {x} plus {y}?", "Can you add {x} and {y}?",
                   "Sum of {x} and {y}?", "What does {x} + {y} equal?",
                   "{x} plus {y} is what?", "Tell me {x} + {y}."),
    "minus_typed": ("{x}-{y}", "{x} - {y}", "{x}-{y}=", "{x}-{y}=?", "{x} minus {y}", "What's {x}-{y}?",
                    "What is {x}-{y}?", "whats {x} - {y}", "How much is {x} minus {y}?", "Solve {x} - {y}.",
                    "What's {x} minus {y}?", "{x} take away {y}?",
                    "What does {x} - {y} equal?", "Tell me {x} - {y}."),
    "times_typed": ("{x}*{y}", "{x} x {y}", "{x}×{y}", "{x}*{y}=?", "{x} times {y}", "What's {x} times {y}?",
                    "What is {x} * {y}?", "What is {x} x {y}?", "whats {x}*{y}", "Solve {x} × {y}.",
                    "What does {x} × {y} equal?", "{x} multiplied by {y}?", "Tell me {x} times {y}."),
}  # fmt: skip

EVERYDAY_ZH: Table = {
    "some": ("{x}有哪些？", "说说{x}。", "列出{x}。", "说几个{x}。",
             "说些{x}。", "你认识哪些{x}？", "举例：{x}", "来几种{x}。",
             "告诉我几种{x}。", "都有什么{x}？", "常见的{x}有哪些？",
             "写几个{x}。", "我想知道有哪些{x}。", "{x}都有什么？",
             "你能说出一些{x}吗？", "帮我想几种{x}。", "{x}的例子", "请列一些{x}。"),
    "counted": ("说{n}种{x}", "说{n}种{x}。", "说出{n}种{x}。", "说出{n}个{x}。",
                "列出{n}种{x}。", "列举{n}个{x}。", "{n}种{x}",
                "{n}个{x}", "告诉我{n}种{x}。", "给我{n}个{x}。",
                "请说{n}种{x}。", "请举{n}个{x}的例子。", "你能说{n}种{x}吗？",
                "写{n}种{x}。", "写出{n}个{x}。", "来{n}种{x}。",
                "我要{n}种{x}。", "举出{n}种{x}。", "随便说{n}种{x}。",
                "{n}种常见的{x}", "说{n}个{x}的名字。", "快说{n}种{x}！",
                "帮我想{n}种{x}。", "请列出{n}种不同的{x}。"),
    "one": ("说一种{x}。", "说一个{x}。", "告诉我一种{x}。", "随便说一种{x}。",
            "给我一个{x}的例子。", "一种{x}", "你知道什么{x}？"),
    "starting": (),
    "plus_typed": ("{x}+{y}", "{x} + {y}", "{x}+{y}=", "{x}+{y}=?",
                   "{x}+{y}等于几", "{x}+{y}等于几？", "{x}加{y}等于几？",
                   "{x}加{y}是多少", "{x}加{y}得几？", "{x}+{y}是多少？",
                   "{x}+{y}等于多少？", "算一下{x}+{y}", "{x}加上{y}呢？",
                   "{x}和{y}加起来是多少？", "请问{x}加{y}等于多少？", "{x}+{y}得多少"),
    "minus_typed": ("{x}-{y}", "{x} - {y}", "{x}-{y}=", "{x}-{y}=?",
                    "{x}-{y}等于几", "{x}-{y}等于几？", "{x}减{y}等于几？",
                    "{x}减{y}是多少", "{x}减{y}得几？", "{x}-{y}是多少？", "算一下{x}-{y}", "{x}减去{y}是多少？"),
    "times_typed": ("{x}×{y}", "{x}*{y}", "{x}×{y}=?", "{x}×{y}等于几", "{x}乘{y}等于几？", "{x}乘以{y}是多少？",
                    "{x}×{y}是多少？", "算一下{x}×{y}", "{x}乘{y}得几？"),
}  # fmt: skip

NUMBERS_EN = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBERS_ZH = ("一", "两", "三", "四", "五", "六", "七", "八", "九", "十")
COUNTED_ZH = ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十")
