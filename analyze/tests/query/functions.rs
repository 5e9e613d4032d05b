//! Every function is documented and takes text in whatever form it comes.

use analyze::udf;

use crate::fixture::{Fixture, ask, catalog};

#[tokio::test]
async fn each_function_explains_itself() {
    let session = Fixture::new().session().await;
    for function in udf::all(&catalog()) {
        let name = function.name().to_owned();
        let documentation = function.documentation().unwrap();
        assert!(!documentation.description.is_empty(), "{name}");
        assert!(documentation.syntax_example.starts_with(&format!("{name}(")), "{name}");
        assert!(
            documentation.sql_example.as_ref().is_some_and(|sql| sql.contains("SELECT")),
            "{name}"
        );
        for (argument, text) in documentation.arguments.iter().flatten() {
            assert!(documentation.syntax_example.contains(argument) && !text.is_empty(), "{name}");
        }
        let shown = ask(&session, &format!("SHOW FUNCTIONS LIKE '{name}'")).await.unwrap();
        assert!(shown.iter().all(|line| line.contains(&documentation.syntax_example)), "{shown:?}");
        // The engine does not list what takes no argument.
        assert!(!shown.is_empty() || documentation.arguments.is_none(), "{name}");
    }
}

#[tokio::test]
async fn text_in_every_form() {
    let session = Fixture::new().session().await;
    for form in ["Utf8", "LargeUtf8", "Utf8View", "Dictionary(Int32, Utf8)"] {
        for (call, answer) in [
            ("country(x)", "SG"),
            ("asn(x)", "45102"),
            ("ip_version(x)", "4"),
            ("ip_in(x, '47.241.0.0/16')", "true"),
            ("ip_in('47.241.1.1', x)", "false"),
            ("vendor_of(x)", "-"),
        ] {
            let sql = format!(
                "SELECT {call} FROM (SELECT arrow_cast(a, '{form}') AS x FROM (VALUES ('47.241.35.73'), ('47.241.35.73'), (NULL)) t(a))"
            );
            assert_eq!(ask(&session, &sql).await.unwrap(), [answer, answer, "-"], "{sql}");
        }
    }
}
