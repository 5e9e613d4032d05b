//! A scalar function of SQL as a value: its name, types, documentation and body, so that each function is one short file.
//! Two are equal when they carry the same name and judge by the same catalog.

use std::hash::{Hash, Hasher};

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, DocSection, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};

/// Where the reference lists these functions.
pub(crate) const TRAFFIC: DocSection =
    DocSection { include: true, label: "Traffic Functions", description: None };

/// Refuses literal arguments that can never be right.
pub(crate) type Check = fn(&[Option<&ScalarValue>]) -> Result<()>;
/// Computes the column of answers from the columns of arguments.
pub(crate) type Body = Box<dyn Fn(&[ArrayRef]) -> Result<ArrayRef> + Send + Sync>;

/// One function.
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) signature: Signature,
    pub(crate) returns: DataType,
    pub(crate) documentation: Documentation,
    /// The catalog the body judges by; empty where it needs none.
    pub(crate) catalog_id: String,
    /// None where every literal may be a row of data.
    pub(crate) check: Option<Check>,
    pub(crate) body: Body,
}

impl Function {
    /// The function as the engine takes it.
    pub(crate) fn into_udf(self) -> ScalarUDF {
        ScalarUDF::new_from_impl(self)
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function")
            .field("name", &self.name)
            .field("catalog_id", &self.catalog_id)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.catalog_id == other.catalog_id
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.catalog_id.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.returns.clone())
    }

    fn return_field_from_args(
        &self,
        args: ReturnFieldArgs<'_>,
    ) -> Result<arrow::datatypes::FieldRef> {
        if let Some(check) = self.check {
            check(args.scalar_arguments)?;
        }
        Ok(arrow::datatypes::Field::new(self.name, self.returns.clone(), true).into())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let answers = (self.body)(&columns)?;
        if constant {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&answers, 0)?));
        }
        Ok(ColumnarValue::Array(answers))
    }

    fn documentation(&self) -> Option<&Documentation> {
        Some(&self.documentation)
    }
}
