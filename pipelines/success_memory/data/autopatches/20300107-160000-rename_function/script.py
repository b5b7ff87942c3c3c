import libcst as cst


class RenameFunction(cst.CSTTransformer):
    def leave_FunctionDef(self, original_node, updated_node):
        if original_node.name.value != "refund":
            return updated_node
        return updated_node.with_changes(
            name=cst.Name("checked_refund")
        )
