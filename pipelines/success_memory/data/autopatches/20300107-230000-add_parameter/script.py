import libcst as cst


class AddParameter(cst.CSTTransformer):
    def leave_FunctionDef(self, original_node, updated_node):
        if original_node.name.value != "render_invoice":
            return updated_node
        off = cst.Name("False")
        dry_run = cst.Param(name=cst.Name("dry_run"), default=off)
        params = updated_node.params
        return updated_node.with_changes(
            params=params.with_changes(params=[*params.params, dry_run])
        )
