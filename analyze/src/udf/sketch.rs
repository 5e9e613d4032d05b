//! `sketch(text)`, `sketch_merge(sketch)` and `sketch_count(sketch)`: distinct values that can be added up over any rows.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BinaryArray, Int64Array};
use arrow::datatypes::DataType;
use arrow::datatypes::{Field, FieldRef};
use datafusion::common::{Result, ScalarValue, exec_datafusion_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Documentation, ScalarUDF, Signature, Volatility,
};

use crate::sketch::Sketch;
use crate::udf::function::{Function, TRAFFIC};

/// The aggregates.
pub(crate) fn aggregates() -> [AggregateUDF; 2] {
    [Gathering::of(Form::Text), Gathering::of(Form::Sketch)].map(AggregateUDF::new_from_impl)
}

/// What is gathered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Form {
    Text,
    Sketch,
}

/// An aggregate that makes a sketch.
#[derive(Debug)]
struct Gathering {
    form: Form,
    signature: Signature,
    documentation: Documentation,
}

impl Gathering {
    fn of(form: Form) -> Self {
        let kind = match form {
            Form::Text => DataType::Utf8View,
            Form::Sketch => DataType::Binary,
        };
        let signature = Signature::exact(vec![kind], Volatility::Immutable);
        Self { form, signature, documentation: documentation(form) }
    }
}

fn documentation(form: Form) -> Documentation {
    let built = match form {
        Form::Text => Documentation::builder(
            TRAFFIC,
            "An aggregate: the distinct values as a sketch, which can be merged with others, counted, and says who nobody was. Null is no value.",
            "sketch(text)",
        )
        .with_argument("text", "What is counted, such as an address.")
        .with_sql_example("SELECT sketch_count(sketch(src_ip)) FROM flows"),
        Form::Sketch => Documentation::builder(
            TRAFFIC,
            "An aggregate: the sketch of all values of all sketches.",
            "sketch_merge(sketch)",
        )
        .with_argument("sketch", "A sketch.")
        .with_sql_example(
            "SELECT service_vendor, sketch_count(sketch_merge(clients)) FROM rollup_daily GROUP BY 1",
        ),
    };
    built.with_related_udf("sketch_count").build()
}

impl PartialEq for Gathering {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form
    }
}

impl Eq for Gathering {}

impl std::hash::Hash for Gathering {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.form.hash(state);
    }
}

impl AggregateUDFImpl for Gathering {
    fn name(&self) -> &'static str {
        match self.form {
            Form::Text => "sketch",
            Form::Sketch => "sketch_merge",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Binary)
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Gathered { form: self.form, sketch: Sketch::default() }))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = format_state_name(args.name, "sketch");
        Ok(vec![Arc::new(Field::new(name, DataType::Binary, true))])
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}

/// A sketch under construction.
#[derive(Debug)]
struct Gathered {
    form: Form,
    sketch: Sketch,
}

impl Gathered {
    fn scalar(&self) -> ScalarValue {
        ScalarValue::Binary(Some(self.sketch.to_bytes()))
    }
}

impl Accumulator for Gathered {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if self.form == Form::Sketch {
            return self.merge_batch(values);
        }
        let texts = values.first().and_then(|column| column.as_string_view_opt());
        let texts = texts.ok_or_else(|| exec_datafusion_err!("sketch takes text"))?;
        texts.iter().flatten().for_each(|text| self.sketch.add(text.as_bytes()));
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(self.scalar())
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.sketch.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.scalar()])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for bytes in binary(states)?.iter().flatten() {
            self.sketch.merge(&read(bytes)?);
        }
        Ok(())
    }
}

/// How many values a sketch holds.
pub(crate) fn count() -> ScalarUDF {
    Function {
        name: "sketch_count",
        signature: Signature::exact(vec![DataType::Binary], Volatility::Immutable),
        returns: DataType::Int64,
        documentation: Documentation::builder(
            TRAFFIC,
            "How many distinct values a sketch holds, within 5 % (standard error 1.6 %).",
            "sketch_count(sketch)",
        )
        .with_argument("sketch", "A sketch, made by sketch or sketch_merge.")
        .with_sql_example("SELECT sketch_count(sketch_merge(clients)) FROM rollup_daily")
        .build(),
        catalog_id: String::new(),
        check: None,
        body: Box::new(|columns| {
            let counts = binary(columns)?.iter().map(|bytes| bytes.map(counted).transpose());
            Ok(Arc::new(counts.collect::<Result<Int64Array>>()?) as ArrayRef)
        }),
    }
    .into_udf()
}

#[expect(clippy::cast_possible_truncation, reason = "no set of addresses comes near 2^63")]
fn counted(bytes: &[u8]) -> Result<i64> {
    Ok(read(bytes)?.count().round() as i64)
}

fn binary(columns: &[ArrayRef]) -> Result<&BinaryArray> {
    let column = columns.first().and_then(|column| column.as_binary_opt::<i32>());
    column.ok_or_else(|| exec_datafusion_err!("a sketch is binary"))
}

fn read(bytes: &[u8]) -> Result<Sketch> {
    Sketch::of_bytes(bytes).ok_or_else(|| {
        exec_datafusion_err!("these {} bytes are no sketch; sketch(text) makes one", bytes.len())
    })
}
