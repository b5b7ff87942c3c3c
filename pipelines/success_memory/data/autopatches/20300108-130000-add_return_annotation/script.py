import libcst as cst


class AnnotateReturn(cst.CSTTransformer):
    def leave_FunctionDef(self, original_node, updated_node):
        if original_node.name.value != "add_item":
            return updated_node
        return updated_node.with_changes(
            returns=cst.Annotation(annotation=cst.Name("bool"))
        )
