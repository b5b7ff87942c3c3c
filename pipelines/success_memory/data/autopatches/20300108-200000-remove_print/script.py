import libcst as cst


class RemovePrint(cst.CSTTransformer):
    def leave_Expr(self, original_node, updated_node):
        call = original_node.value
        if not isinstance(call, cst.Call) or not isinstance(call.func, cst.Name):
            return updated_node
        argument = call.args[0].value
        if call.func.value != "print" or argument.value != "guest":
            return updated_node
        return cst.RemoveFromParent()
