"""Names written as code in the Markdown pages, `nlstm.layers.LSTM`, become links to their pages."""

from docutils import nodes

METHODS_OF = {"model.": "nlstm.models.Model.", "stream.": "nlstm.network.stream.Stream."}


def add_links(app, doctree, page):
    """Put a link around each literal that is a name of the API."""
    objects = app.env.domains.python_domain.objects
    for node in list(doctree.findall(nodes.literal)):
        if isinstance(node.parent, nodes.reference) or "xref" in node["classes"]:
            continue
        name = node.astext().partition("(")[0]
        for short, whole in METHODS_OF.items():
            if name.startswith(short):
                name = whole + name.removeprefix(short)
        found = objects.get(name)
        if found is None or found.docname == page:
            continue
        target = app.builder.get_relative_uri(page, found.docname)
        link = nodes.reference("", "", internal=True, refuri=f"{target}#{found.node_id}")
        node.replace_self(link)
        link += node


def setup(app):
    """Tell Sphinx of it."""
    app.connect("doctree-resolved", add_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
