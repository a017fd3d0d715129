"""Pages as a browser sees them."""

import re
from html.parser import HTMLParser


class Reader(HTMLParser):
    """Collects tags and text, as a browser sees them."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.attributes = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def table_rows(pipeline):
    return re.findall(r"<tr.*?</tr>", pipeline._repr_html_(), flags=re.DOTALL)
