"""Functions that analyse documents, and the tokens that a vectorizer finds in these."""

TOKENS = [["good", "film"], ["bad", "film"], [], ["Well-known", "so so", "I"]]


def itself(document):
    return document


def tokens_of(vectorizer, documents):
    return vectorizer.inverse_transform(vectorizer.fit_transform(documents))


def spoken(document):
    return document["said"].split()
