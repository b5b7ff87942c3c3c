import libcst as cst
class AddDocstring(cst.CSTTransformer):
    def leave_FunctionDef(self, o, u):
        if o.name.value != "reserve":
            return u
        docstring = cst.SimpleString('\"\"\"Handle the shelf.\"\"\"')
        line = cst.SimpleStatementLine(body=[cst.Expr(value=docstring)])
        body = u.body
        return u.with_changes(
            body=body.with_changes(body=[line, *body.body])
        )
