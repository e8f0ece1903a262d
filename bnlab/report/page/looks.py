"""What all pages have in common."""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def templates(package: str) -> Environment:
    """The templates of a package, which may extend base.html of this one."""
    own, common = PackageLoader(package, "."), PackageLoader("bnlab.report.page", ".")
    return Environment(loader=ChoiceLoader([own, common]), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
