"""The entries of the lists that clients get: tools, prompts, resource templates."""

from filewarden.broker.protocol.offered import Json, OfferedTool
from filewarden.broker.protocol.revisions import Revision
from filewarden.workers.operations import ResourceTemplate
from filewarden.workers.prompt import Prompt


def tool_entry(tool: OfferedTool, revision: Revision) -> Json:
    """One tool; its schemas go to the wire as they are."""
    entry: Json = {"name": tool.name}
    if revision.has_titles:
        entry["title"] = tool.title
    entry["description"] = tool.description
    entry["inputSchema"], output_schema = tool.schemas()
    if output_schema is not None and _may_declare(output_schema, revision):
        entry["outputSchema"] = output_schema
    if revision.has_tool_annotations:
        entry["annotations"] = tool.annotations
    if revision.has_object_meta and tool.meta:
        entry["_meta"] = tool.meta
    return entry


def _may_declare(output_schema: Json, revision: Revision) -> bool:
    if revision.has_any_structured_root:
        return True
    return revision.has_structured_content and output_schema.get("type") == "object"


def prompt_entry(prompt: Prompt) -> Json:
    """One prompt with its arguments."""
    arguments = [
        {"name": each.name, "description": each.description, "required": each.required} for each in prompt.arguments
    ]
    return {
        "name": prompt.name,
        "title": prompt.title,
        "description": prompt.description,
        **({"arguments": arguments} if arguments else {}),
    }


def template_entry(template: ResourceTemplate) -> Json:
    """One family of resources."""
    entry: Json = {
        "uriTemplate": template.uri_template,
        "name": template.name,
        "title": template.title,
        "description": template.description,
    }
    return entry if template.mime_type is None else {**entry, "mimeType": template.mime_type}
