"""The grammar of the generated reviews.

A name in braces stands for any of its `WORDS`. Square brackets mark the deciding words. Opinions
are written as in a positive review; a negative one swaps ``good`` with ``bad`` and ``loved`` with
``hated``.
"""

__all__ = ["FILLERS", "OPINIONS", "SHARES", "SWAPPED", "WORDS"]

SWAPPED = {"good": "bad", "bad": "good", "loved": "hated", "hated": "loved"}

WORDS = {
    "good": ("wonderful", "brilliant", "moving", "charming", "clever", "funny"),
    "bad": ("terrible", "dull", "clumsy", "tedious", "shallow", "awful"),
    "loved": ("loved", "enjoyed", "admired"),
    "hated": ("hated", "disliked", "despised"),
    "not": ("not", "never", "hardly"),
    "friend": ("friend", "brother", "sister", "neighbour", "teacher", "uncle"),
    "film": ("film", "movie", "picture", "story", "script", "ending"),
    "person": ("detective", "farmer", "sailor", "widow", "pianist", "young doctor", "judge"),
    "place": ("Lisbon", "Chicago", "Kyoto", "Vienna", "a fishing village", "the mountains"),
    "time": ("1920s", "1950s", "1980s", "last war", "early 1990s", "winter of 1962"),
    "day": ("Friday", "Saturday", "Sunday", "Monday"),
    "part": ("first hour", "second act", "opening scene", "last third", "middle part"),
    "thing": ("letter", "map", "suitcase", "photograph", "key", "diary", "violin"),
    "crew": ("director", "writer", "composer", "cameraman", "editor", "producer"),
    "number": ("two", "three", "four", "five", "six", "seven"),
}

# Each gives the opinion of the writer, which is the label. Without their order, the words of a
# contrast say nothing, those of a negation the opposite.
OPINIONS = {
    "plain": (
        "[I {loved}] the {film} more than I had expected.",
        "The {film} seemed [{good}] to me.",
        "To my eyes the {film} was [{good}].",
    ),
    "negation": (
        "The {film} was [{not} {bad}].",
        "I found that the {film} was [{not} {bad}] in any way.",
        "To my eyes the {film} was [{not} {bad}].",
    ),
    "contrast": (
        "My {friend} {hated} it, but [I {loved}] it.",
        "[I {loved}] it, while my {friend} {hated} it.",
        "My {friend} found it {bad}, but [I found it {good}].",
        "[I found it {good}], while my {friend} found it {bad}.",
    ),
}

# Shares of the kinds of opinion. Plain ones outnumber negations, so a bag of words learns
# something: it is right in the plain half and in every second contrast, 65 % in all.
SHARES = {"plain": 0.5, "negation": 0.2, "contrast": 0.3}

# Sentences without an opinion; {not} and the words of opinions never occur in them.
FILLERS = (
    "The plot follows a {person} and a {person} from {place} to {place}.",
    "It is set in {place} during the {time}.",
    "The {person} finds a {thing} that belonged to the {person}.",
    "In the {part} a {person} travels to {place} by train.",
    "The {crew} also worked on {number} other films with the same cast.",
    "We saw it on a {day} in a small cinema with {number} rows.",
    "The {part} takes place in a house near {place}.",
    "Somebody hides the {thing} before the {person} comes home.",
    "According to the credits it was shot in {place} over {number} months.",
    "The {crew} was born in {place} and studied there in the {time}.",
    "It runs for two hours and {number} minutes, with the credits.",
    "The role of the {person} is played by an actor from {place}.",
    "The cinema showed {number} trailers before it began.",
    "A {thing} and a {thing} appear again in the {part}.",
)
