//! Which schemas read what others wrote, case by case: each row is an older schema, a newer one, and why the newer one
//! does not read the older one's data (nothing: it does).

use contract::Format;
use contract::schemas::compatibility::{Compatibility, check, reading};
use contract::schemas::{Incompatibility, Source};

type Row = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

fn check_rows(format: Format, rows: &[Row]) {
    let mut wrong = Vec::new();
    for (old, new, expected) in rows {
        let found = reading(&Source::alone(format, *new), &Source::alone(format, *old))
            .unwrap_or_else(|fault| panic!("{old}\n{new}\n{fault}"));
        let found: Vec<(&str, &str)> =
            found.iter().map(|reason| (reason.kind.as_str(), reason.path.as_str())).collect();
        if found != *expected {
            wrong.push(format!("old {old}\nnew {new}\nexpected {expected:?}\nfound    {found:?}"));
        }
        for same in [old, new] {
            let source = Source::alone(format, *same);
            assert_eq!(reading(&source, &source).expect("it read above"), [], "{same} reads itself");
        }
    }
    assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n\n"));
}

#[test]
fn avro_reads_by_the_rules_of_schema_resolution() {
    const R1: &str = r#"{"type":"record","name":"R","fields":[{"name":"f1","type":"string"}]}"#;
    const R2: &str = r#"{"type":"record","name":"R","fields":[{"name":"f1","type":"string"},{"name":"f2","type":"string"}]}"#;
    const R2_DEFAULT: &str = r#"{"type":"record","name":"R","fields":[{"name":"f1","type":"string"},{"name":"f2","type":"string","default":"x"}]}"#;
    const ALIAS: &str =
        r#"{"type":"record","name":"R","fields":[{"name":"g1","aliases":["f1"],"type":"string"}]}"#;
    const RENAMED: &str = r#"{"type":"record","name":"R","fields":[{"name":"g1","type":"string"}]}"#;
    const NULLABLE: &str =
        r#"{"type":"record","name":"R","fields":[{"name":"f1","type":["null","string"]}]}"#;
    const THREE: &str =
        r#"{"type":"record","name":"R","fields":[{"name":"f1","type":["null","string","int"]}]}"#;
    const OTHER: &str = r#"{"type":"record","name":"S","fields":[{"name":"f1","type":"string"}]}"#;
    const OTHER_ALIAS: &str =
        r#"{"type":"record","name":"S","aliases":["R"],"fields":[{"name":"f1","type":"string"}]}"#;
    const SPACED: &str = r#"{"type":"record","name":"x.R","fields":[{"name":"f1","type":"string"}]}"#;
    const LIST: &str = r#"{"type":"record","name":"L","fields":[{"name":"v","type":"int"},{"name":"next","type":["null","L"]}]}"#;
    const LIST_LONG: &str = r#"{"type":"record","name":"L","fields":[{"name":"v","type":"long"},{"name":"next","type":["null","L"]}]}"#;
    const LIST_MORE: &str = r#"{"type":"record","name":"L","fields":[{"name":"v","type":"int"},{"name":"w","type":"int"},{"name":"next","type":["null","L"]}]}"#;
    const ENUM_AB: &str = r#"{"type":"enum","name":"E","symbols":["A","B"]}"#;
    const ENUM_ABC: &str = r#"{"type":"enum","name":"E","symbols":["A","B","C"]}"#;
    const ENUM_AB_DEFAULT: &str = r#"{"type":"enum","name":"E","symbols":["A","B"],"default":"A"}"#;
    const ENUM_F: &str = r#"{"type":"enum","name":"F","symbols":["A","B"]}"#;
    const FIXED4: &str = r#"{"type":"fixed","name":"F","size":4}"#;
    const FIXED8: &str = r#"{"type":"fixed","name":"F","size":8}"#;
    const DECIMAL2: &str = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}"#;
    const DECIMAL3: &str = r#"{"type":"bytes","logicalType":"decimal","precision":9,"scale":3}"#;
    const DECIMAL_WIDE: &str = r#"{"type":"bytes","logicalType":"decimal","precision":12,"scale":2}"#;
    check_rows(
        Format::Avro,
        &[
            (R1, R1, &[]),
            (R1, R2, &[("READER_FIELD_MISSING_DEFAULT_VALUE", "/fields/1")]),
            (R1, R2_DEFAULT, &[]),
            (R2, R1, &[]),
            (R2_DEFAULT, R2, &[]),
            (R1, ALIAS, &[]),
            (R1, RENAMED, &[("READER_FIELD_MISSING_DEFAULT_VALUE", "/fields/0")]),
            (R1, NULLABLE, &[]),
            (NULLABLE, THREE, &[]),
            (NULLABLE, R1, &[("TYPE_MISMATCH", "/fields/0/type")]),
            (THREE, NULLABLE, &[("MISSING_UNION_BRANCH", "/fields/0/type/2")]),
            (R1, OTHER, &[("NAME_MISMATCH", "/name")]),
            (R1, OTHER_ALIAS, &[]),
            (R1, SPACED, &[]),
            (R1, ENUM_AB, &[("TYPE_MISMATCH", "/")]),
            (LIST, LIST_LONG, &[]),
            (LIST_LONG, LIST, &[("TYPE_MISMATCH", "/fields/0/type")]),
            (LIST, LIST_MORE, &[("READER_FIELD_MISSING_DEFAULT_VALUE", "/fields/1")]),
            (LIST_MORE, LIST, &[]),
            (ENUM_AB, ENUM_ABC, &[]),
            (ENUM_ABC, ENUM_AB, &[("MISSING_ENUM_SYMBOLS", "/symbols")]),
            (ENUM_ABC, ENUM_AB_DEFAULT, &[]),
            (ENUM_AB, ENUM_F, &[("NAME_MISMATCH", "/name")]),
            (FIXED4, FIXED8, &[("FIXED_SIZE_MISMATCH", "/size")]),
            (FIXED4, r#""bytes""#, &[("TYPE_MISMATCH", "/")]),
            (r#""int""#, r#""long""#, &[]),
            (r#""int""#, r#""float""#, &[]),
            (r#""int""#, r#""double""#, &[]),
            (r#""long""#, r#""float""#, &[]),
            (r#""long""#, r#""double""#, &[]),
            (r#""float""#, r#""double""#, &[]),
            (r#""long""#, r#""int""#, &[("TYPE_MISMATCH", "/")]),
            (r#""double""#, r#""float""#, &[("TYPE_MISMATCH", "/")]),
            (r#""float""#, r#""long""#, &[("TYPE_MISMATCH", "/")]),
            (r#""string""#, r#""bytes""#, &[]),
            (r#""bytes""#, r#""string""#, &[]),
            (r#""boolean""#, r#""int""#, &[("TYPE_MISMATCH", "/")]),
            (r#""null""#, r#""string""#, &[("TYPE_MISMATCH", "/")]),
            (r#"{"type":"array","items":"int"}"#, r#"{"type":"array","items":"long"}"#, &[]),
            (
                r#"{"type":"array","items":"long"}"#,
                r#"{"type":"array","items":"int"}"#,
                &[("TYPE_MISMATCH", "/items")],
            ),
            (
                r#"{"type":"map","values":"int"}"#,
                r#"{"type":"map","values":"string"}"#,
                &[("TYPE_MISMATCH", "/values")],
            ),
            (
                r#"{"type":"map","values":"int"}"#,
                r#"{"type":"array","items":"int"}"#,
                &[("TYPE_MISMATCH", "/")],
            ),
            (r#"["int","string"]"#, r#"["string","int"]"#, &[]),
            (r#"["int"]"#, r#""int""#, &[]),
            (r#"["int","string"]"#, r#""int""#, &[("TYPE_MISMATCH", "/")]),
            (r#"["int","long"]"#, r#""long""#, &[]),
            (r#"["int","float"]"#, r#"["double"]"#, &[]),
            (r#""int""#, r#"["null","string"]"#, &[("MISSING_UNION_BRANCH", "/")]),
            (
                r#"["int","string","boolean"]"#,
                r#"["int"]"#,
                &[("MISSING_UNION_BRANCH", "/1"), ("MISSING_UNION_BRANCH", "/2")],
            ),
            (r#"[]"#, r#""int""#, &[]),
            (DECIMAL2, DECIMAL_WIDE, &[]),
            (DECIMAL2, DECIMAL3, &[("TYPE_MISMATCH", "/")]),
            (DECIMAL_WIDE, DECIMAL2, &[("TYPE_MISMATCH", "/")]),
            (DECIMAL2, r#""bytes""#, &[]),
        ],
    );
}

#[test]
fn a_pair_that_was_compatible_only_if_another_is_counts_no_longer_when_that_other_is_not() {
    // Within the union's first branch, B reads B only if A reads A, which it does not: B must be found wanting later.
    let old = r#"{"type":"record","name":"Top","fields":[
        {"name":"u","type":[{"type":"record","name":"A","fields":[
            {"name":"b","type":{"type":"record","name":"B","fields":[{"name":"a","type":["null","A"]}]}}]}]},
        {"name":"b","type":"B"}]}"#;
    let new = r#"{"type":"record","name":"Top","fields":[
        {"name":"u","type":[{"type":"record","name":"A","fields":[
            {"name":"b","type":{"type":"record","name":"B","fields":[{"name":"a","type":["null","A"]}]}},
            {"name":"more","type":"int"}]},
            {"type":"record","name":"C","aliases":["A"],"fields":[]}]},
        {"name":"b","type":"B"}]}"#;
    let found = reading(&Source::alone(Format::Avro, new), &Source::alone(Format::Avro, old)).unwrap();
    let kinds: Vec<(&str, &str)> =
        found.iter().map(|reason| (reason.kind.as_str(), reason.path.as_str())).collect();
    assert_eq!(kinds, [("MISSING_UNION_BRANCH", "/fields/1/type/fields/0/type/1")]);
}

#[test]
fn json_schemas_read_by_their_content_models_bounds_and_alternatives() {
    const OPEN_A: &str = r#"{"type":"object","properties":{"a":{"type":"string"}}}"#;
    const OPEN_AB: &str = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}}}"#;
    const OPEN_AB_ANY: &str = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{}}}"#;
    const CLOSED_A: &str =
        r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#;
    const CLOSED_AB: &str = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"additionalProperties":false}"#;
    const CLOSED_AB_REQUIRED: &str = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["b"],"additionalProperties":false}"#;
    const CLOSED_AB_DEFAULT: &str = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string","default":"x"}},"required":["b"],"additionalProperties":false}"#;
    const PARTLY_A: &str =
        r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{"type":"string"}}"#;
    const PARTLY_AB: &str = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"string"}},"additionalProperties":{"type":"string"}}"#;
    const PARTLY_AB_INTEGER: &str = r#"{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"additionalProperties":{"type":"string"}}"#;
    const PARTLY_ANY: &str = r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":{"type":["string","integer"]}}"#;
    const PATTERN: &str = r#"{"type":"object","properties":{"a":{"type":"string"}},"patternProperties":{"^b":{"type":"string"}},"additionalProperties":false}"#;
    const FALSE_B: &str =
        r#"{"type":"object","properties":{"a":{"type":"string"},"b":false},"additionalProperties":false}"#;
    check_rows(
        Format::JsonSchema,
        &[
            // Properties in each content model.
            (OPEN_A, OPEN_AB, &[("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", "#/properties/b")]),
            (OPEN_A, OPEN_AB_ANY, &[]),
            (OPEN_AB, OPEN_A, &[]),
            (CLOSED_A, CLOSED_AB, &[]),
            (
                CLOSED_A,
                CLOSED_AB_REQUIRED,
                &[("REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL", "#/properties/b")],
            ),
            (CLOSED_A, CLOSED_AB_DEFAULT, &[]),
            (CLOSED_AB, CLOSED_A, &[("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", "#/properties/b")]),
            (FALSE_B, CLOSED_A, &[]),
            (CLOSED_A, OPEN_A, &[]),
            (CLOSED_A, OPEN_AB, &[]),
            (OPEN_A, CLOSED_A, &[("ADDITIONAL_PROPERTIES_REMOVED", "#/additionalProperties")]),
            (OPEN_A, PARTLY_A, &[("ADDITIONAL_PROPERTIES_NARROWED", "#/additionalProperties")]),
            (PARTLY_A, PARTLY_AB, &[]),
            (
                PARTLY_A,
                PARTLY_AB_INTEGER,
                &[("PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "#/properties/b")],
            ),
            (PARTLY_AB, PARTLY_A, &[]),
            (
                PARTLY_AB_INTEGER,
                PARTLY_A,
                &[("PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "#/properties/b")],
            ),
            (PARTLY_A, PARTLY_ANY, &[]),
            (PARTLY_ANY, PARTLY_A, &[("TYPE_NARROWED", "#/additionalProperties")]),
            (CLOSED_A, PARTLY_A, &[]),
            (PARTLY_A, OPEN_A, &[]),
            (CLOSED_AB, PATTERN, &[]),
            (PATTERN, CLOSED_AB, &[("PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL", "#/patternProperties/^b")]),
            (
                OPEN_A,
                PATTERN,
                &[
                    ("PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL", "#/patternProperties/^b"),
                    ("ADDITIONAL_PROPERTIES_REMOVED", "#/additionalProperties"),
                ],
            ),
            (r#"{"properties":{"a":{}},"required":["a"]}"#, r#"{"properties":{"a":{}}}"#, &[]),
            (
                r#"{"properties":{"a":{}}}"#,
                r#"{"properties":{"a":{}},"required":["a"]}"#,
                &[("REQUIRED_ATTRIBUTE_ADDED", "#/required/a")],
            ),
            (
                r#"{"properties":{"a":{"default":1}}}"#,
                r#"{"properties":{"a":{"default":1}},"required":["a"]}"#,
                &[],
            ),
            (
                r#"{"maxProperties":5}"#,
                r#"{"maxProperties":4}"#,
                &[("MAX_PROPERTIES_DECREASED", "#/maxProperties")],
            ),
            (
                r#"{"minProperties":1}"#,
                r#"{"minProperties":2}"#,
                &[("MIN_PROPERTIES_INCREASED", "#/minProperties")],
            ),
            (
                r#"{"type":"object"}"#,
                r#"{"type":"object","propertyNames":{"maxLength":3}}"#,
                &[("SCHEMA_ADDED", "#/propertyNames")],
            ),
            (r#"{"dependencies":{"a":["b","c"]}}"#, r#"{"dependencies":{"a":["b"]}}"#, &[]),
            (
                r#"{"dependencies":{"a":["b"]}}"#,
                r#"{"dependencies":{"a":["b","c"]}}"#,
                &[("DEPENDENCY_ARRAY_EXTENDED", "#/dependencies/a")],
            ),
            (
                r#"{}"#,
                r#"{"dependentRequired":{"a":["b"]}}"#,
                &[("DEPENDENCY_ARRAY_ADDED", "#/dependencies/a")],
            ),
            (
                r#"{"dependencies":{"a":["b"]}}"#,
                r#"{"dependencies":{"a":["c"]}}"#,
                &[("DEPENDENCY_ARRAY_CHANGED", "#/dependencies/a")],
            ),
            (
                r#"{"type":"object"}"#,
                r#"{"type":"object","dependencies":{"a":{"required":["b"]}}}"#,
                &[("DEPENDENCY_SCHEMA_ADDED", "#/dependencies/a")],
            ),
            (r#"{"dependencies":{"a":{"required":["b"]}}}"#, r#"{}"#, &[]),
            // Types and values.
            (r#"{"type":"integer"}"#, r#"{"type":"number"}"#, &[]),
            (r#"{"type":"number"}"#, r#"{"type":"integer"}"#, &[("TYPE_NARROWED", "#/")]),
            (r#"{"type":"string"}"#, r#"{"type":["string","null"]}"#, &[]),
            (r#"{"type":["string","null"]}"#, r#"{"type":"string"}"#, &[("TYPE_NARROWED", "#/")]),
            (r#"{"type":"string"}"#, r#"{"type":"integer"}"#, &[("TYPE_CHANGED", "#/")]),
            (r#"{"type":"string"}"#, r#"{}"#, &[]),
            (r#"{"type":"string"}"#, r#"true"#, &[]),
            (r#"false"#, r#"{"type":"string"}"#, &[]),
            (r#"{"type":"string"}"#, r#"false"#, &[("TYPE_CHANGED", "#/")]),
            (r#"true"#, r#"{"type":"string"}"#, &[("TYPE_NARROWED", "#/")]),
            (r#"{"enum":["A"]}"#, r#"{"enum":["A","B"]}"#, &[]),
            (r#"{"enum":["A","B"]}"#, r#"{"enum":["A"]}"#, &[("ENUM_ARRAY_NARROWED", "#/enum")]),
            (r#"{"enum":["A","B"]}"#, r#"{"enum":["A","C"]}"#, &[("ENUM_ARRAY_CHANGED", "#/enum")]),
            (r#"{"enum":["A","B"]}"#, r#"{"type":"string"}"#, &[]),
            (
                r#"{"type":"string"}"#,
                r#"{"type":"string","enum":["A"]}"#,
                &[("ENUM_ARRAY_NARROWED", "#/enum")],
            ),
            (r#"{"const":"A"}"#, r#"{"enum":["A","B"]}"#, &[]),
            (
                r#"{"type":"string","title":"a","description":"b","default":"c"}"#,
                r#"{"type":"string","title":"x"}"#,
                &[],
            ),
            // Bounds.
            (r#"{"type":"string","maxLength":5}"#, r#"{"type":"string","maxLength":6}"#, &[]),
            (
                r#"{"type":"string","maxLength":5}"#,
                r#"{"type":"string","maxLength":4}"#,
                &[("MAX_LENGTH_DECREASED", "#/maxLength")],
            ),
            (
                r#"{"type":"string"}"#,
                r#"{"type":"string","maxLength":4}"#,
                &[("MAX_LENGTH_ADDED", "#/maxLength")],
            ),
            (r#"{"type":"string","minLength":5}"#, r#"{"type":"string","minLength":4}"#, &[]),
            (
                r#"{"type":"string"}"#,
                r#"{"type":"string","minLength":1}"#,
                &[("MIN_LENGTH_ADDED", "#/minLength")],
            ),
            (
                r#"{"type":"string","minLength":1}"#,
                r#"{"type":"string","minLength":2}"#,
                &[("MIN_LENGTH_INCREASED", "#/minLength")],
            ),
            (r#"{"type":"string","pattern":"a"}"#, r#"{"type":"string"}"#, &[]),
            (r#"{"type":"string"}"#, r#"{"type":"string","pattern":"a"}"#, &[("PATTERN_ADDED", "#/pattern")]),
            (
                r#"{"type":"string","pattern":"a"}"#,
                r#"{"type":"string","pattern":"b"}"#,
                &[("PATTERN_CHANGED", "#/pattern")],
            ),
            (r#"{"type":"number","maximum":5}"#, r#"{"type":"number","maximum":5.5}"#, &[]),
            (
                r#"{"type":"number","maximum":5}"#,
                r#"{"type":"number","maximum":4}"#,
                &[("MAXIMUM_DECREASED", "#/maximum")],
            ),
            (
                r#"{"type":"number","minimum":5}"#,
                r#"{"type":"number","minimum":6}"#,
                &[("MINIMUM_INCREASED", "#/minimum")],
            ),
            (r#"{"type":"number"}"#, r#"{"type":"number","minimum":6}"#, &[("MINIMUM_ADDED", "#/minimum")]),
            (
                r#"{"type":"number"}"#,
                r#"{"type":"number","exclusiveMaximum":6}"#,
                &[("EXCLUSIVE_MAXIMUM_ADDED", "#/exclusiveMaximum")],
            ),
            (
                r#"{"type":"number","exclusiveMinimum":6}"#,
                r#"{"type":"number","exclusiveMinimum":7}"#,
                &[("EXCLUSIVE_MINIMUM_INCREASED", "#/exclusiveMinimum")],
            ),
            (
                r#"{"$schema":"http://json-schema.org/draft-04/schema#","type":"number","maximum":6}"#,
                r#"{"$schema":"http://json-schema.org/draft-04/schema#","type":"number","maximum":6,"exclusiveMaximum":true}"#,
                &[("EXCLUSIVE_MAXIMUM_ADDED", "#/exclusiveMaximum")],
            ),
            (r#"{"type":"number","multipleOf":10}"#, r#"{"type":"number","multipleOf":5}"#, &[]),
            (
                r#"{"type":"number","multipleOf":5}"#,
                r#"{"type":"number","multipleOf":10}"#,
                &[("MULTIPLE_OF_EXPANDED", "#/multipleOf")],
            ),
            (
                r#"{"type":"number","multipleOf":5}"#,
                r#"{"type":"number","multipleOf":7}"#,
                &[("MULTIPLE_OF_CHANGED", "#/multipleOf")],
            ),
            (
                r#"{"type":"number"}"#,
                r#"{"type":"number","multipleOf":7}"#,
                &[("MULTIPLE_OF_ADDED", "#/multipleOf")],
            ),
            (r#"{"type":"string"}"#, r#"{"type":"string","maximum":7}"#, &[]),
            // Arrays.
            (r#"{"items":{"type":"integer"}}"#, r#"{"items":{"type":"number"}}"#, &[]),
            (
                r#"{"items":{"type":"number"}}"#,
                r#"{"items":{"type":"integer"}}"#,
                &[("TYPE_NARROWED", "#/items")],
            ),
            (
                r#"{"type":"array"}"#,
                r#"{"type":"array","items":{"type":"integer"}}"#,
                &[("ADDITIONAL_ITEMS_NARROWED", "#/items")],
            ),
            (
                r#"{"type":"array","maxItems":3}"#,
                r#"{"type":"array","maxItems":2}"#,
                &[("MAX_ITEMS_DECREASED", "#/maxItems")],
            ),
            (r#"{"type":"array"}"#, r#"{"type":"array","minItems":1}"#, &[("MIN_ITEMS_ADDED", "#/minItems")]),
            (
                r#"{"type":"array"}"#,
                r#"{"type":"array","uniqueItems":true}"#,
                &[("UNIQUE_ITEMS_ADDED", "#/uniqueItems")],
            ),
            (r#"{"type":"array","uniqueItems":true}"#, r#"{"type":"array"}"#, &[]),
            (
                r#"{"items":[{"type":"string"}]}"#,
                r#"{"items":[{"type":"string"},{"type":"string"}]}"#,
                &[("ITEM_ADDED_TO_OPEN_CONTENT_MODEL", "#/items/1")],
            ),
            (r#"{"items":[{"type":"string"}]}"#, r#"{"items":[{"type":"string"},{}]}"#, &[]),
            (
                r#"{"items":[{"type":"string"}],"additionalItems":false}"#,
                r#"{"items":[{"type":"string"},{"type":"string"}],"additionalItems":false}"#,
                &[],
            ),
            (
                r#"{"items":[{"type":"string"},{"type":"string"}],"additionalItems":false}"#,
                r#"{"items":[{"type":"string"}],"additionalItems":false}"#,
                &[("ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL", "#/items/1")],
            ),
            (r#"{"items":[{"type":"string"},{}]}"#, r#"{"items":[{"type":"string"}]}"#, &[]),
            (
                r#"{"items":[{"type":"string"},{"type":"integer"}],"additionalItems":{"type":"string"}}"#,
                r#"{"items":[{"type":"string"}],"additionalItems":{"type":"string"}}"#,
                &[("ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "#/items/1")],
            ),
            (
                r#"{"items":[{}],"additionalItems":{"type":"string"}}"#,
                r#"{"items":[{},{"type":"integer"}],"additionalItems":{"type":"string"}}"#,
                &[("ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL", "#/items/1")],
            ),
            (
                r#"{"items":[{"type":"string"}]}"#,
                r#"{"items":[{"type":"string"}],"additionalItems":false}"#,
                &[("ADDITIONAL_ITEMS_REMOVED", "#/additionalItems")],
            ),
            (
                r#"{"prefixItems":[{"type":"string"}],"items":false}"#,
                r#"{"prefixItems":[{"type":"string"},{"type":"null"}]}"#,
                &[],
            ),
            (
                r#"{"type":"array"}"#,
                r#"{"type":"array","contains":{"type":"string"}}"#,
                &[("SCHEMA_ADDED", "#/contains")],
            ),
            // Combined.
            (r#"{"type":"string"}"#, r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#, &[]),
            (
                r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#,
                r#"{"oneOf":[{"type":"integer"},{"type":"string"},{"type":"null"}]}"#,
                &[],
            ),
            (
                r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#,
                r#"{"oneOf":[{"type":"string"}]}"#,
                &[("SUM_TYPE_NARROWED", "#/oneOf")],
            ),
            (
                r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#,
                r#"{"type":"string"}"#,
                &[("SUM_TYPE_NARROWED", "#/")],
            ),
            (r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#, r#"{"type":["null","string"]}"#, &[]),
            (r#"{"type":["null","string"]}"#, r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#, &[]),
            (
                r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#,
                r#"{"anyOf":[{"type":"null"},{"type":"string"}]}"#,
                &[],
            ),
            (
                r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,
                r#"{"oneOf":[{"type":"string"},{"type":"null"}]}"#,
                &[("COMBINED_TYPE_NARROWED", "#/oneOf")],
            ),
            (
                r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"integer"}]}"#,
                &[("COMBINED_TYPE_SUBSCHEMAS_CHANGED", "#/anyOf")],
            ),
            (
                r#"{"type":"integer"}"#,
                r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#,
                &[("TYPE_CHANGED", "#/anyOf")],
            ),
            (r#"{"allOf":[{"type":"string"},{"maxLength":3}]}"#, r#"{"allOf":[{"type":"string"}]}"#, &[]),
            (
                r#"{"allOf":[{"type":"string"}]}"#,
                r#"{"allOf":[{"type":"string"},{"maxLength":3}]}"#,
                &[("PRODUCT_TYPE_EXTENDED", "#/allOf")],
            ),
            (
                r#"{"type":"string"}"#,
                r#"{"allOf":[{"type":"string"},{"maxLength":3}]}"#,
                &[("MAX_LENGTH_ADDED", "#/allOf/1/maxLength")],
            ),
            (r#"{"allOf":[{"type":"string","maxLength":2}]}"#, r#"{"type":"string","maxLength":3}"#, &[]),
            (r#"{"not":{"type":["string","null"]}}"#, r#"{"not":{"type":"string"}}"#, &[]),
            (
                r#"{"not":{"type":"string"}}"#,
                r#"{"not":{"type":["string","null"]}}"#,
                &[("NOT_TYPE_EXTENDED", "#/not")],
            ),
            (r#"{}"#, r#"{"not":{"type":"string"}}"#, &[("NOT_TYPE_EXTENDED", "#/not")]),
            (
                r#"{"if":{"required":["a"]},"then":{"maxProperties":2}}"#,
                r#"{"if":{"required":["a"]},"then":{"maxProperties":3}}"#,
                &[],
            ),
            (
                r#"{"if":{"required":["a"]},"then":{"maxProperties":2}}"#,
                r#"{"if":{"required":["b"]},"then":{"maxProperties":2}}"#,
                &[("COMBINED_TYPE_SUBSCHEMAS_CHANGED", "#/if")],
            ),
            // References.
            (
                r##"{"$ref":"#/definitions/a","definitions":{"a":{"type":"integer"}}}"##,
                r#"{"type":"number"}"#,
                &[],
            ),
            (
                r##"{"properties":{"x":{"$ref":"#/definitions/a"}},"definitions":{"a":{"type":"number"}}}"##,
                r##"{"properties":{"x":{"$ref":"#/definitions/a"}},"definitions":{"a":{"type":"integer"}}}"##,
                &[("TYPE_NARROWED", "#/properties/x")],
            ),
            (
                r##"{"properties":{"v":{"type":"integer"},"next":{"$ref":"#"}},"additionalProperties":false}"##,
                r##"{"properties":{"v":{"type":"number"},"next":{"$ref":"#"}},"additionalProperties":false}"##,
                &[],
            ),
            (
                r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","$ref":"#/$defs/a","maxLength":3,"$defs":{"a":{"type":"string"}}}"##,
                r##"{"$schema":"https://json-schema.org/draft/2020-12/schema","$ref":"#/$defs/a","maxLength":2,"$defs":{"a":{"type":"string"}}}"##,
                &[("MAX_LENGTH_DECREASED", "#/maxLength")],
            ),
            (
                r##"{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/a","maxLength":3,"definitions":{"a":{"type":"string"}}}"##,
                r##"{"$schema":"http://json-schema.org/draft-07/schema#","$ref":"#/definitions/a","maxLength":2,"definitions":{"a":{"type":"string"}}}"##,
                &[],
            ),
            (r##"{"allOf":[{"$ref":"#"}]}"##, r##"{"allOf":[{"$ref":"#"}]}"##, &[]),
            (r##"{"$ref":"#"}"##, r##"{"$ref":"#"}"##, &[]),
        ],
    );
}

macro_rules! p3 {
    ($($text:expr),*) => { concat!("syntax = \"proto3\";\n", $($text),*) };
}

#[test]
fn protobuf_reads_by_what_its_wire_format_lets_change() {
    const BASE: &str = p3!("package a; message M { string s = 1; int32 n = 2; }");
    check_rows(
        Format::Protobuf,
        &[
            (BASE, p3!("package a; message M { string s = 1; int32 n = 2; bool b = 3; }"), &[]),
            (p3!("package a; message M { string s = 1; int32 n = 2; bool b = 3; }"), BASE, &[]),
            (BASE, p3!("package b; message M { string s = 1; int32 n = 2; }"), &[]),
            (BASE, p3!("package a; message M { string renamed = 1; int32 n = 2; }"), &[]),
            (BASE, p3!("package a; message N { string s = 1; int32 n = 2; }"), &[("MESSAGE_REMOVED", "#/M")]),
            (BASE, p3!("package a; message N {} message M { string s = 1; int32 n = 2; }"), &[]),
            (p3!("message M { message I { } }"), p3!("message M { }"), &[("MESSAGE_REMOVED", "#/M/I")]),
            (
                p3!("message M { I i = 1; message I { int32 x = 1; } }"),
                p3!("message M { I i = 1; message I { string x = 1; } }"),
                &[("FIELD_SCALAR_KIND_CHANGED", "#/M/I/1")],
            ),
            (
                p3!("message M { } enum E { A = 0; B = 1; }"),
                p3!("message M { } enum E { A = 0; C = 2; }"),
                &[],
            ),
            (p3!("message M { } enum E { A = 0; }"), p3!("message M { }"), &[]),
            // Scalars that are written alike.
            (p3!("message M { int32 n = 1; }"), p3!("message M { int64 n = 1; }"), &[]),
            (p3!("message M { int64 n = 1; }"), p3!("message M { uint32 n = 1; }"), &[]),
            (p3!("message M { bool n = 1; }"), p3!("message M { uint64 n = 1; }"), &[]),
            (p3!("message M { sint32 n = 1; }"), p3!("message M { sint64 n = 1; }"), &[]),
            (
                p3!("message M { int32 n = 1; }"),
                p3!("message M { sint32 n = 1; }"),
                &[("FIELD_SCALAR_KIND_CHANGED", "#/M/1")],
            ),
            (p3!("message M { fixed32 n = 1; }"), p3!("message M { sfixed32 n = 1; }"), &[]),
            (p3!("message M { fixed64 n = 1; }"), p3!("message M { sfixed64 n = 1; }"), &[]),
            (
                p3!("message M { fixed32 n = 1; }"),
                p3!("message M { fixed64 n = 1; }"),
                &[("FIELD_SCALAR_KIND_CHANGED", "#/M/1")],
            ),
            (
                p3!("message M { float n = 1; }"),
                p3!("message M { double n = 1; }"),
                &[("FIELD_SCALAR_KIND_CHANGED", "#/M/1")],
            ),
            (
                p3!("message M { float n = 1; }"),
                p3!("message M { fixed32 n = 1; }"),
                &[("FIELD_SCALAR_KIND_CHANGED", "#/M/1")],
            ),
            (p3!("message M { string n = 1; }"), p3!("message M { bytes n = 1; }"), &[]),
            (
                p3!("message M { string n = 1; }"),
                p3!("message M { int32 n = 1; }"),
                &[("FIELD_SCALAR_KIND_CHANGED", "#/M/1")],
            ),
            (
                p3!("message M { E n = 1; } enum E { A = 0; }"),
                p3!("message M { int32 n = 1; } enum E { A = 0; }"),
                &[],
            ),
            (
                p3!("message M { E n = 1; } enum E { A = 0; }"),
                p3!("message M { string n = 1; } enum E { A = 0; }"),
                &[("FIELD_KIND_CHANGED", "#/M/1")],
            ),
            // Named types.
            (
                p3!("message M { N n = 1; } message N { }"),
                p3!("message M { string n = 1; } message N { }"),
                &[("FIELD_KIND_CHANGED", "#/M/1")],
            ),
            (
                p3!("message M { N n = 1; } message N { } message O { }"),
                p3!("message M { O n = 1; } message N { } message O { }"),
                &[("FIELD_NAMED_TYPE_CHANGED", "#/M/1")],
            ),
            (
                p3!("message M { E n = 1; } enum E { A = 0; } enum F { B = 0; }"),
                p3!("message M { F n = 1; } enum E { A = 0; } enum F { B = 0; }"),
                &[("FIELD_NAMED_TYPE_CHANGED", "#/M/1")],
            ),
            (
                p3!("package a; message M { N n = 1; } message N { }"),
                p3!("package b; message M { N n = 1; } message N { }"),
                &[],
            ),
            (
                p3!("message M { M m = 1; int32 n = 2; }"),
                p3!("message M { M m = 1; string n = 2; }"),
                &[("FIELD_SCALAR_KIND_CHANGED", "#/M/2")],
            ),
            // Maps and labels.
            (
                p3!("message M { map<string, int32> m = 1; }"),
                p3!("message M { map<string, int64> m = 1; }"),
                &[],
            ),
            (
                p3!("message M { map<string, int32> m = 1; }"),
                p3!("message M { map<string, string> m = 1; }"),
                &[("FIELD_SCALAR_KIND_CHANGED", "#/M/1")],
            ),
            (
                p3!("message M { map<int32, int32> m = 1; }"),
                p3!("message M { map<string, int32> m = 1; }"),
                &[("FIELD_SCALAR_KIND_CHANGED", "#/M/1")],
            ),
            (
                p3!("message M { map<string, int32> m = 1; }"),
                p3!("message M { string m = 1; }"),
                &[("FIELD_KIND_CHANGED", "#/M/1")],
            ),
            (
                p3!("message M { int32 n = 1; }"),
                p3!("message M { repeated int32 n = 1; }"),
                &[("FIELD_NUMERIC_LABEL_CHANGED", "#/M/1")],
            ),
            (p3!("message M { string n = 1; }"), p3!("message M { repeated string n = 1; }"), &[]),
            (p3!("message M { int32 n = 1; }"), p3!("message M { optional int32 n = 1; }"), &[]),
            (
                "message M { optional int32 n = 1; }",
                "message M { required int32 n = 1; }",
                &[("REQUIRED_FIELD_ADDED", "#/M/1")],
            ),
            (
                "message M { required int32 n = 1; }",
                "message M { optional int32 n = 1; }",
                &[("REQUIRED_FIELD_REMOVED", "#/M/1")],
            ),
            ("message M { }", "message M { required int32 n = 1; }", &[("REQUIRED_FIELD_ADDED", "#/M/1")]),
            ("message M { required int32 n = 1; }", "message M { }", &[("REQUIRED_FIELD_REMOVED", "#/M/1")]),
            // Oneofs.
            (p3!("message M { int32 a = 1; }"), p3!("message M { oneof o { int32 a = 1; } }"), &[]),
            (
                p3!("message M { int32 a = 1; int32 b = 2; }"),
                p3!("message M { oneof o { int32 a = 1; int32 b = 2; } }"),
                &[("MULTIPLE_FIELDS_MOVED_TO_ONEOF", "#/M/o")],
            ),
            (
                p3!("message M { oneof o { int32 a = 1; int32 b = 2; } }"),
                p3!("message M { oneof renamed { int32 a = 1; int32 b = 2; } }"),
                &[],
            ),
            (
                p3!("message M { oneof o { int32 a = 1; } int32 b = 2; }"),
                p3!("message M { oneof o { int32 a = 1; int32 b = 2; } }"),
                &[("FIELD_MOVED_TO_EXISTING_ONEOF", "#/M/o")],
            ),
            (
                p3!("message M { oneof o { int32 a = 1; } }"),
                p3!("message M { oneof o { int32 a = 1; int32 b = 2; } }"),
                &[],
            ),
            (
                p3!("message M { oneof o { int32 a = 1; int32 b = 2; } }"),
                p3!("message M { oneof o { int32 a = 1; } }"),
                &[("ONEOF_FIELD_REMOVED", "#/M/o/2")],
            ),
            (
                p3!("message M { oneof o { int32 a = 1; int32 b = 2; } }"),
                p3!("message M { int32 a = 1; int32 b = 2; }"),
                &[],
            ),
        ],
    );
}

#[test]
fn messages_of_imported_files_count_where_fields_lead_to_them() {
    let main = "syntax = \"proto3\"; import \"n.proto\"; message M { n.N n = 1; }";
    let source = |n: &str| {
        let mut source = Source::alone(Format::Protobuf, main);
        source.references.insert("n.proto".to_owned(), format!("syntax = \"proto3\"; package n; {n}"));
        source
    };
    let found = reading(
        &source("message N { string x = 1; N more = 2; }"),
        &source("message N { int32 x = 1; N more = 2; }"),
    );
    assert_eq!(found.unwrap()[0].path, "#/M/1/1");
    let inline =
        Source::alone(Format::Protobuf, "syntax = \"proto3\"; package n; message N { string x = 1; }");
    let mut moved = Source::alone(
        Format::Protobuf,
        "syntax = \"proto3\"; package n; import \"n.proto\"; message Other { N n = 1; }",
    );
    moved.references.insert("n.proto".to_owned(), inline.text.clone());
    assert_eq!(reading(&moved, &inline).unwrap(), [], "a message that moved to an import is still there");
}

#[test]
fn a_mode_says_which_versions_read_which() {
    let with = |fields: &[&str]| {
        let fields: Vec<String> = fields
            .iter()
            .map(|name| match name.strip_suffix('?') {
                Some(name) => format!(r#"{{"name":"{name}","type":"int","default":0}}"#),
                None => format!(r#"{{"name":"{name}","type":"int"}}"#),
            })
            .collect();
        Source::alone(
            Format::Avro,
            format!(r#"{{"type":"record","name":"R","fields":[{}]}}"#, fields.join(",")),
        )
    };
    // The second version added `b` with a default, the third made it one that must be there.
    let earlier = [with(&["a"]), with(&["a", "b?"])];
    let indexes = |mode: Compatibility, new: &Source| -> Vec<usize> {
        check(mode, new, &earlier).unwrap().into_iter().map(|(index, _)| index).collect()
    };
    use Compatibility as C;
    let strict = with(&["a", "b"]);
    let dropped = with(&["b?"]);
    for (mode, for_strict, for_dropped) in [
        (C::None, vec![], vec![]),
        (C::Backward, vec![], vec![]),
        (C::BackwardTransitive, vec![0], vec![]),
        (C::Forward, vec![], vec![1]),
        (C::ForwardTransitive, vec![], vec![0, 1]),
        (C::Full, vec![], vec![1]),
        (C::FullTransitive, vec![0], vec![0, 1]),
    ] {
        assert_eq!(indexes(mode, &strict), for_strict, "{mode}");
        assert_eq!(indexes(mode, &dropped), for_dropped, "{mode}");
        assert_eq!(mode.to_string().to_lowercase().parse(), Ok(mode));
        assert_eq!(serde_json::to_string(&mode).unwrap(), format!("{:?}", mode.to_string()));
        assert_eq!(check(mode, &strict, &[]).unwrap(), []);
    }
    let json = Source::alone(Format::JsonSchema, "{}");
    assert_eq!(check(C::Full, &json, &earlier).unwrap()[0].1.kind, "SCHEMA_TYPE_MISMATCH");
    assert_eq!(check(C::None, &json, &earlier).unwrap(), []);
}

#[test]
fn reasons_are_told_in_the_registrys_words_with_the_newer_schema_called_new() {
    let avro = |text: &str| Source::alone(Format::Avro, text);
    let one = avro(r#"{"type":"record","name":"R","fields":[{"name":"{path}","type":"int"}]}"#.replace("{path}", "f1").as_str());
    let two = avro(
        r#"{"type":"record","name":"R","fields":[{"name":"f1","type":"int"},{"name":"f2","type":"string"}]}"#,
    );
    let said = |found: Vec<(usize, Incompatibility)>| found[0].1.to_string();
    assert_eq!(
        said(check(Compatibility::Backward, &two, std::slice::from_ref(&one)).unwrap()),
        "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'f2' at path '/fields/1' in the new schema has no default value and is missing in the old schema', additionalInfo:'f2'}"
    );
    assert_eq!(
        said(check(Compatibility::Forward, &one, std::slice::from_ref(&two)).unwrap()),
        "{errorType:'READER_FIELD_MISSING_DEFAULT_VALUE', description:'The field 'f2' at path '/fields/1' in the old schema has no default value and is missing in the new schema', additionalInfo:'f2'}"
    );
    assert!("SIDEWAYS".parse::<Compatibility>().unwrap_err().to_string().contains("FULL_TRANSITIVE"));
}
