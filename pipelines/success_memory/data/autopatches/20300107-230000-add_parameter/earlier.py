import libcst as cst
class AddParameter(cst.CSTTransformer):
    def leave_FunctionDef(self, o, u):
        if o.name.value != "render_invoice":
            return u
        off = cst.Name("False")
        dry_run = cst.Param(name=cst.Name("dry_run"), default=off)
        params = u.params
        return u.with_changes(
            params=params.with_changes(params=[*params.params, dry_run])
        )
