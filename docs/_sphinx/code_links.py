"""Names written as code in the Markdown pages become links to their pages of the API."""

from collections import Counter

from docutils import nodes

HOLDERS = {
    "model": "nlstm.models.Model",
    "stream": "nlstm.network.stream.Stream",
    "windows": "nlstm.windows.Windows",
}


def add_links(app, doctree, page):
    """Put a link around each literal that is a name of the API: whole, a class's own, a method's.

    `nlstm.layers.LSTM`, `LSTM(50)`, `model.save("m.nlstm")`.
    """
    objects = app.env.domains.python_domain.objects
    classes = Counter(name.rpartition(".")[2] for name in objects if name.count(".") == 2)
    short = {
        name.rpartition(".")[2]: name
        for name, found in objects.items()
        if found.objtype == "class" and classes[name.rpartition(".")[2]] == 1
    }
    for node in list(doctree.findall(nodes.literal)):
        if isinstance(node.parent, nodes.reference) or "xref" in node["classes"]:
            continue
        name = node.astext().partition("(")[0]
        holder, _, member = name.partition(".")
        name = f"{HOLDERS[holder]}.{member}" if holder in HOLDERS else short.get(name, name)
        found = objects.get(name)
        if found is None or found.docname == page or name == "nlstm":
            continue
        target = app.builder.get_relative_uri(page, found.docname)
        link = nodes.reference("", "", internal=True, refuri=f"{target}#{found.node_id}")
        node.replace_self(link)
        link += node


def setup(app):
    """Tell Sphinx of it."""
    app.connect("doctree-resolved", add_links)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
