import libcst as cst


class AddDecorator(cst.CSTTransformer):
    def leave_FunctionDef(self, original_node, updated_node):
        if original_node.name.value != "pay":
            return updated_node
        decorator = cst.Decorator(decorator=cst.Name("log_calls"))
        return updated_node.with_changes(
            decorators=[decorator, *updated_node.decorators]
        )
