//! `date_trunc(…)`: the engine's own, which asks a calendar of time zones for each row where a time has a zone. UTC has no calendar to ask.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array as _, AsArray as _};
use arrow::datatypes::{DataType, Field, FieldRef, TimestampMicrosecondType};
use datafusion::common::{Result, internal_err};
use datafusion::functions::datetime::date_trunc;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};

/// The zone of all times in the tables.
const UTC: &str = "UTC";

/// The function, in place of the engine's.
pub(crate) fn function() -> ScalarUDF {
    ScalarUDF::new_from_impl(DateTrunc { engines: date_trunc() })
}

#[derive(Debug)]
struct DateTrunc {
    engines: Arc<ScalarUDF>,
}

impl PartialEq for DateTrunc {
    fn eq(&self, other: &Self) -> bool {
        self.engines == other.engines
    }
}

impl Eq for DateTrunc {}

impl Hash for DateTrunc {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.engines.hash(state);
    }
}

impl ScalarUDFImpl for DateTrunc {
    fn name(&self) -> &str {
        self.engines.name()
    }

    fn aliases(&self) -> &[String] {
        self.engines.aliases()
    }

    fn signature(&self) -> &Signature {
        self.engines.signature()
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("date_trunc answers with the type of its second argument")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.engines.return_field_from_args(args)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some((ColumnarValue::Array(times), field)) =
            args.args.get_mut(1).zip(args.arg_fields.get_mut(1))
        else {
            return self.engines.invoke_with_args(args);
        };
        let micros = times.as_primitive_opt::<TimestampMicrosecondType>();
        let Some(micros) = micros.filter(|micros| micros.timezone() == Some(UTC)) else {
            return self.engines.invoke_with_args(args);
        };
        // The same instants, whichever of the two types they have.
        let bare = micros.clone().with_timezone_opt(None::<&str>);
        let typed =
            |field: &Field| Arc::new(field.clone().with_data_type(bare.data_type().clone()));
        *field = typed(field);
        args.return_field = typed(&args.return_field);
        *times = Arc::new(bare);
        let rows = args.number_rows;
        let answers = self.engines.invoke_with_args(args)?.into_array(rows)?;
        let Some(answers) = answers.as_primitive_opt::<TimestampMicrosecondType>() else {
            return internal_err!("date_trunc answers with another type than it was asked");
        };
        Ok(ColumnarValue::Array(Arc::new(answers.clone().with_timezone(UTC))))
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.engines.output_ordering(inputs)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.engines.documentation()
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, TimestampMicrosecondArray};
    use datafusion::common::ScalarValue;
    use datafusion::common::config::ConfigOptions;

    use super::*;

    fn truncated(function: &ScalarUDF, unit: &str, times: &ArrayRef) -> ArrayRef {
        let field = |data_type: &DataType| Arc::new(Field::new("f", data_type.clone(), true));
        let unit = ScalarValue::Utf8(Some(unit.to_owned()));
        let args = ScalarFunctionArgs {
            arg_fields: vec![field(&DataType::Utf8), field(times.data_type())],
            args: vec![ColumnarValue::Scalar(unit), ColumnarValue::Array(Arc::clone(times))],
            number_rows: times.len(),
            return_field: field(times.data_type()),
            config_options: Arc::new(ConfigOptions::default()),
        };
        function.invoke_with_args(args).unwrap().into_array(times.len()).unwrap()
    }

    #[test]
    fn it_says_what_the_engines_own_says() {
        let instants = [0, -1, 1_411_480_800_123_456, 951_782_399_999_999, 4_102_444_800_000_000];
        let times: TimestampMicrosecondArray =
            instants.into_iter().map(Some).chain([None]).collect();
        for zone in ["UTC", "Asia/Taipei"] {
            let times: ArrayRef = Arc::new(times.clone().with_timezone(zone));
            for unit in ["second", "minute", "hour", "day", "week", "month", "quarter", "year"] {
                let (ours, engines) = (function(), date_trunc());
                let ours = truncated(&ours, unit, &times);
                assert_eq!(&ours, &truncated(&engines, unit, &times), "{unit} in {zone}");
            }
        }
    }
}
