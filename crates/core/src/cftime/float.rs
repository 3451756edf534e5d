//! Doubles as counts of time: the instant that was meant by a number that was rounded.

/// A double as `sign * mantissa * 2^exponent`; `None` where it is not finite.
pub(super) fn split_float(value: f64) -> Option<(bool, u64, i32)> {
    let bits = value.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).ok()?;
    let fraction = bits & ((1 << 52) - 1);
    match exponent {
        0x7ff => None,
        0 => Some((value.is_sign_negative(), fraction, -1074)),
        _ => Some((value.is_sign_negative(), fraction | (1 << 52), exponent - 1075)),
    }
}

/// The roundest number of nanoseconds within half a unit in the last place of `value` times `unit`.
pub(super) fn float_times(value: f64, unit: i128) -> Option<i128> {
    let (negative, mantissa, exponent) = split_float(value)?;
    let scaled = i128::from(mantissa).checked_mul(unit)?;
    let ns = if exponent >= 0 {
        let factor = 1_i128.checked_shl(u32::try_from(exponent).ok()?).filter(|f| *f > 0)?;
        scaled.checked_mul(factor)?
    } else {
        // Below 2^103 after scaling: half of the last place is gone where the divisor is beyond 2^120.
        let shift = exponent.unsigned_abs();
        if shift > 120 { 0 } else { roundest(scaled, half_place(mantissa, unit), 1_i128 << shift) }
    };
    Some(if negative { -ns } else { ns })
}

/// Half a unit in the last place of a double, times `unit`. Below a power of two doubles lie twice as close.
pub(super) const fn half_place(mantissa: u64, unit: i128) -> i128 {
    if mantissa == 1 << 52 { unit / 4 } else { unit / 2 }
}

/// `scaled / divisor` nanoseconds, give or take `within / divisor`: the multiple of a second, millisecond or
/// microsecond that lies there, else the nearest integer (half to even).
pub(super) fn roundest(scaled: i128, within: i128, divisor: i128) -> i128 {
    for step in [1_000_000_000, 1_000_000, 1_000] {
        let near = nearest_multiple(scaled, divisor, step);
        let distance =
            near.checked_mul(step).and_then(|ns| ns.checked_mul(divisor)).map(|x| (x - scaled).abs());
        if distance.is_some_and(|d| d <= within) {
            return near * step;
        }
    }
    nearest_multiple(scaled, divisor, 1)
}

/// The integer nearest to `scaled / (divisor * step)`, half to even.
fn nearest_multiple(scaled: i128, divisor: i128, step: i128) -> i128 {
    let Some(divisor) = divisor.checked_mul(step) else { return 0 };
    let (whole, rest) = (scaled.div_euclid(divisor), scaled.rem_euclid(divisor));
    let up = match rest.cmp(&(divisor - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => whole % 2 != 0,
    };
    whole + i128::from(up)
}
