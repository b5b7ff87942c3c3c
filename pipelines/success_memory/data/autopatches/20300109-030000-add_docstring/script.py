import libcst as cst


class AddDocstring(cst.CSTTransformer):
    def leave_FunctionDef(self, original_node, updated_node):
        if original_node.name.value != "reserve":
            return updated_node
        docstring = cst.SimpleString('\"\"\"Handle the shelf.\"\"\"')
        line = cst.SimpleStatementLine(body=[cst.Expr(value=docstring)])
        body = updated_node.body
        return updated_node.with_changes(
            body=body.with_changes(body=[line, *body.body])
        )
