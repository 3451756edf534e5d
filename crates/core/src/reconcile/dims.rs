//! `dims`: the order of dimensions.

use super::Cx;

/// Variables whose dimensions stand in another order than in the first file are transposed.
pub(super) fn transpose(cx: &mut Cx<'_>) {
    for group in cx.groups() {
        if cx.policies.get("dims", &group.name) != "transpose" {
            continue;
        }
        let Some((_, model)) = group.first(cx.files) else { continue };
        let order = model.var.dims.clone();
        for occurrence in group.files.iter().skip(1) {
            let Some(mut mapped) = cx.mapped(*occurrence) else { continue };
            let dims = &mapped.var.dims;
            if *dims == order || dims.len() != order.len() {
                continue;
            }
            let from: Option<Vec<usize>> =
                order.iter().map(|dim| dims.iter().position(|d| d == dim)).collect();
            let Some(from) = from else { continue };
            let shape = from.iter().filter_map(|&i| mapped.var.shape.get(i).copied()).collect();
            mapped.rearrange(order.clone(), shape, from.into_iter().map(Some).collect());
            cx.replace(*occurrence, mapped);
        }
    }
}
